import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushRuntime
@testable import SwiftBrushTeachers

@Suite("Training of adapters on pictures")
final class AdapterTrainerTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "adapters-\(UUID().uuidString)")
    private let pictures: CaptionedPictures
    private let model: TextToImageModel

    init() throws {
        let all = try SmallSet.pictures()
        try CLIPTokenizer.learn(
            from: all.captions.map(\.text), vocabularySize: 540, maximumLength: 12,
            to: folder.appending(path: "tokenizer"))
        pictures = try all.subset([0, 5, 10])
        let autoencoder = try SmallSet.autoencoder().normalizingLatents(of: all)
        let trainer = try TeacherTrainer(
            pictures: all, autoencoder: autoencoder,
            tokenizer: CLIPTokenizer(contentsOf: folder.appending(path: "tokenizer")), blockChannels: [16, 32])
        for _ in 0..<2 { try trainer.step() }
        model = trainer.teacher(decodingWith: autoencoder, autoencoder: autoencoder)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private static let prior = ["yellow square left", "a square"]

    private func trainer(
        student: Bool = false, prior: [String] = prior, _ change: (inout AdapterTrainingSettings) -> Void = { _ in }
    ) throws -> AdapterTrainer {
        var settings = AdapterTrainingSettings()
        (settings.batchSize, settings.priorPictures, settings.priorSteps, settings.learningRate) = (3, 2, 2, 1e-2)
        settings.textEncoderTargets = ["q_proj", "v_proj"]
        change(&settings)
        return try AdapterTrainer(
            model: student ? model.untrainedStudent() : model, pictures: pictures, priorPrompts: prior,
            settings: settings)
    }

    private func bits(_ trainer: AdapterTrainer) -> [[UInt32]] {
        let moments = trainer.optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
        return (trainer.optimizer.parameters.map(\.value) + moments).map { $0.scalars.map(\.bitPattern) }
    }

    @Test("A weight is min(SNR, γ), divided by the square of what an error of the output counts in x0")
    func weights() throws {
        for type in PredictionType.allCases {
            let schedule: NoiseSchedule = type == .flow ? .flowMatching() : .scaledLinear(predictionType: type)
            func objective(_ minimumSNR: Double?) -> DenoisingObjective {
                DenoisingObjective(
                    schedule: schedule, latents: .zeros([1, 1, 1, 4]), captions: [""], prior: nil,
                    minimumSNR: minimumSNR)
            }
            for timestep in [1, 100, 500, 999] {
                let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
                let factor: Double = type == .epsilon ? sigma / alpha : type == .sample ? 1 : sigma
                let expected = min(alpha * alpha / (sigma * sigma), 5) * factor * factor
                #expect(abs(objective(5).weight(timestep) / expected - 1) < 1e-9)
                #expect(objective(nil).weight(timestep) == 1)
            }
        }
        var configuration = NoiseSchedule.scaledLinear().configuration
        configuration.rescalesToZeroSignal = true
        let withoutSignal = DenoisingObjective(
            schedule: try NoiseSchedule(configuration), latents: .zeros([1, 1, 1, 4]), captions: [""], prior: nil,
            minimumSNR: 5)
        #expect(withoutSignal.weight(999) == 1)
    }

    @Test("A student's step is recorded with its σ if it has one")
    func recordedStep() throws {
        let steps = [OneStepConfiguration.swiftBrush, try .init(timestep: 999, of: .flowMatching())]
        #expect(
            steps.map(AdapterTrainer.description) == [
                "OneStepConfiguration(timestep: 999, cumulativeAlpha: 0.0047, laterSteps: [])",
                "OneStepConfiguration(timestep: 999, cumulativeAlpha: \(steps[1].cumulativeAlpha), sigma: 0.999, laterSteps: [])",
            ])
    }

    @Test("The targets of a multi-step model are outputs of which x0 is the picture, and the prior's image")
    func denoisingTargets() throws {
        let latents = RandomNumbers.normal([3, 2, 2, 4], seed: 1)
        #expect(PriorImages.prompts(5, of: ["p", "q"]) == ["p", "q", "p", "q", "p"])
        #expect(PriorImages.prompts(2, of: ["p", "q", "r", "s"]) == ["p", "r"])
        let prior = PriorImages(prompts: ["p", "q"], latents: RandomNumbers.normal([2, 2, 2, 4], seed: 2))
        for type in [PredictionType.epsilon, .sample, .velocity] {
            let schedule = NoiseSchedule.scaledLinear(predictionType: type)
            let objective = DenoisingObjective(
                schedule: schedule, latents: latents, captions: ["a", "b", "c"], prior: prior, minimumSNR: 5)
            var streams = AdapterStreams(seed: 4)
            let inputs = streams.next(
                4, weights: [1, 1, 1], priorCount: 2, emptyShare: 0.5, levels: objective.timesteps,
                latentShape: [2, 2, 4])
            let (own, others) = try objective.targets(of: inputs, rows: 1..<4)
            let kept = try #require(others)
            for (targets, original) in [
                (own, latents.gathered(rows: Array(inputs.pictures[1..<4]))),
                (kept, prior.latents.gathered(rows: Array(inputs.prior[1..<4]))),
            ] {
                let found = schedule.convert(
                    targets.outputs, to: .sample, noisy: targets.noisy, timesteps: targets.timesteps)
                #expect(relativeError(found, original) < 2e-5)
            }
            #expect(own.prompts == inputs.pictures[1..<4].map { ["a", "b", "c"][$0] })
            let prompts = zip(inputs.prior, inputs.priorIsEmpty).map { $1 ? "" : ["p", "q"][$0] }
            #expect(kept.prompts == Array(prompts[1..<4]) && Set(inputs.priorIsEmpty).count == 2)
            var frozen = objective
            frozen.frozenPrediction = { noisy, timesteps, prompts in
                noisy * Float(prompts.count) + Tensor(perSample: timesteps.map { Float($0) })
            }
            let predicted = try #require(try frozen.targets(of: inputs, rows: 1..<4).prior)
            #expect(predicted.outputs == kept.noisy * 3 + Tensor(perSample: kept.timesteps.map { Float($0) }))
            #expect(own.timesteps + kept.timesteps == Array(inputs.timesteps[1..<4] + inputs.timesteps[5..<8]))
        }
    }

    @Test("Each noise belongs to the picture that it resembles, and all pictures have about as many")
    func closestPictures() throws {
        let latents = RandomNumbers.normal([4, 3, 3, 4], seed: 3)
        let student = try #require(try model.untrainedStudent().student)
        let objective = OneStepObjective(
            student: student, latents: latents, captions: ["a", "b", "c", "d"], prior: nil)
        #expect(objective.closestPictures(to: latents) == [0, 1, 2, 3])
        let noise = RandomNumbers.normal([400, 3, 3, 4], seed: 5)
        let indices = objective.closestPictures(to: noise)
        for picture in 0..<4 { #expect(indices.filter { $0 == picture }.count > 60) }
        // The target's x0 is that picture, at the student's timestep.
        var streams = AdapterStreams(seed: 6)
        let inputs = streams.next(
            5, weights: [1, 1, 1, 1], priorCount: 0, emptyShare: 0, levels: objective.timesteps, latentShape: [3, 3, 4])
        let targets = try objective.targets(of: inputs, rows: 0..<5).pictures
        let level = SignalLevel(cumulativeAlpha: student.step.cumulativeAlpha)
        let found = level.convert(targets.outputs, from: student.predictionType, to: .sample, noisy: targets.noisy)
        #expect(relativeError(found, latents.gathered(rows: objective.closestPictures(to: inputs.noise))) < 1e-4)
        #expect(targets.timesteps == Array(repeating: student.step.timestep, count: 5) && targets.noisy == inputs.noise)
    }

    @Test(
        "Adapters change nothing at first; training changes only them, and lowers the loss", arguments: [false, true])
    func learns(student: Bool) throws {
        let trainer = try trainer(student: student) {
            $0.batchSize = 8
            $0.targets += ["conv1", "conv2", "conv_in", "conv_out", "linear_1", "linear_2"]
        }
        let base = student ? try model.untrainedStudent() : model
        let before = base.network.parameters.all.map { $0.value.scalars }
        let prompts = ["red square left"]
        func images(_ model: TextToImageModel) throws -> [Picture] {
            if model.oneStep != nil { return try model.pictures(for: prompts, seed: 1) }
            var samples = try model.samples(for: prompts, SamplingSettings(steps: 2, guidanceScale: 2), seed: 1)
            return try samples.last().map { try model.pictures(from: $0.latents) } ?? []
        }
        #expect(try images(trainer.adaptedModel()) == images(base))
        let steps = try (0..<40).map { _ in try trainer.step() }
        #expect(base.network.parameters.all.map { $0.value.scalars } == before)
        #expect(try images(trainer.adaptedModel()) != images(base))
        func mean(_ steps: some Collection<AdapterStep>) -> Double {
            steps.reduce(0) { $0 + $1.loss } / Double(steps.count)
        }
        #expect(mean(steps.suffix(10)) < 0.9 * mean(steps.prefix(5)))
        // The prior is the model's own output, which it still has at the first step.
        let prior = try #require(steps[0].priorLoss)
        #expect(prior < 1e-6 && (steps[20].priorLoss ?? 0) > 1e-5)
    }

    @Test(
        "A training that is resumed after two of five steps equals an uninterrupted one bit for bit",
        arguments: [false, true])
    func resumes(student: Bool) throws {
        let straight = try trainer(student: student) { $0.averageDecay = 0.9 }
        let losses = try (0..<5).map { _ in try straight.step().loss }
        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        let first = try trainer(student: student) { $0.averageDecay = 0.9 }
        try run.begin(first)
        for _ in 0..<2 { try run.record(first.step()) }
        try run.saveCheckpoint(of: first)
        let second = try trainer(student: student) { $0.averageDecay = 0.9 }
        let resumed = try RunDirectory(run.url, resuming: true)
        try resumed.begin(second)
        #expect((second.priorLatents == nil) == student)
        for _ in 0..<3 { try resumed.record(second.step()) }
        #expect(bits(second) == bits(straight) && second.streams == straight.streams)
        #expect(try resumed.metrics(AdapterStep.self).map(\.loss) == losses)
        #expect(throws: RunError.self) { try resumed.begin(self.trainer(student: student) { $0.rank = 2 }) }
        #expect(throws: RunError.self) {
            try resumed.begin(self.trainer(student: student, prior: ["a"]) { $0.averageDecay = 0.9 })
        }
    }

    @Test("Three processes compute the bits of one with as many parts, with and without divided optimisers")
    func processes() throws {
        let straight = try trainer { $0.accumulatedParts = 3 }
        for _ in 0..<3 { try straight.step() }
        for isSharded in [false, true] {
            let found = try ThreadGroup.run(3) { group in
                let trainer = try self.trainer { $0.accumulatedParts = 3 }
                (trainer.group, trainer.shardsOptimizer) = (group, isSharded)
                for _ in 0..<3 { try trainer.step() }
                return trainer.optimizer.parameters.map { $0.value.scalars }
            }
            for parameters in found { #expect(parameters == straight.optimizer.parameters.map { $0.value.scalars }) }
        }
    }

    @Test("The LoRA file, merged into the model, is the network with adapters, the text encoder's included")
    func saved() throws {
        let trainer = try trainer()
        for _ in 0..<5 { try trainer.step() }
        let file = folder.appending(path: "lora")
        try trainer.adapters.save(to: file, as: .diffusers, for: model)
        let read = try LowRankWeights(contentsOf: file)
        #expect(Set(read.layers.map(\.part)) == [.unet, .textEncoder])
        var merged = model
        try read.merge(into: &merged)
        let (own, prompts) = (try trainer.adaptedModel(), ["red square left"])
        let noisy = RandomNumbers.normal([1, 8, 8, 4], seed: 2)
        func output(_ model: TextToImageModel) throws -> Tensor {
            try model.network.checkedPrediction(
                Variable(noisy), at: [500], given: model.embeddings(for: prompts).condition(for: prompts)
            ).value
        }
        #expect(try relativeError(output(merged), output(own)) < 1e-6)
        #expect(try relativeError(output(own), output(model)) > 1e-3)
    }

    @Test("Pictures of any size become squares of the model's, and a folder without pictures is an error")
    func subject() throws {
        let subject = folder.appending(path: "subject")
        try FileManager.default.createDirectory(at: subject, withIntermediateDirectories: true)
        #expect(throws: TrainingError.self) { try CaptionedPictures(subjectIn: subject, caption: "a cat", side: 16) }
        #expect(throws: PictureList.Error.self) { try CaptionedPictures(subjectIn: subject, caption: nil, side: 16) }
        var pixels = [UInt8](repeating: 0, count: 3 * 40 * 20)
        for row in 0..<20 { for column in 10..<30 { pixels[3 * (row * 40 + column)] = 255 } }
        try PNG.write(try Picture(width: 40, height: 20, pixels: pixels), to: subject.appending(path: "b.PNG"))
        try PNG.write(pictures.pictures[0], to: subject.appending(path: "a.png"))
        try Data("no picture".utf8).write(to: subject.appending(path: "._a.png"))
        try Data("notes".utf8).write(to: subject.appending(path: "notes.txt"))
        let found = try CaptionedPictures(subjectIn: subject, caption: "a cat", side: 16)
        #expect(
            found.captions.map(\.fileName) == ["a.png", "b.PNG"] && found.captions.allSatisfy { $0.text == "a cat" })
        #expect(found.pictures[0] == pictures.pictures[0])
        // The centre square of the second is red.
        #expect(
            found.pictures[1].pixels.enumerated().allSatisfy { $0.offset % 3 == 0 ? $0.element > 250 : $0.element < 5 })
        try Data("no picture".utf8).write(to: subject.appending(path: "c.png"))
        #expect(throws: PictureError.self) { try CaptionedPictures(subjectIn: subject, caption: "a cat", side: 16) }
    }

    @Test("Held-out pictures and those of weight 0 are not learned, and another schedule or timestep is another run")
    func inputs() throws {
        let all = try SmallSet.pictures()
        let captions = all.captions.enumerated().map { index, caption in
            CaptionedPicture(
                fileName: caption.fileName, text: caption.text, split: index < 2 ? .heldOut : .train,
                weight: index < 4 ? 0 : 1)
        }
        let trainer = try AdapterTrainer(model: model, pictures: CaptionedPictures(captions, all.pictures))
        #expect(trainer.captions == Array(captions[4...].map(\.text)) && trainer.latents.shape[0] == 12)
        func contents(_ model: TextToImageModel) throws -> RunContents {
            try AdapterTrainer(model: model, pictures: pictures).contents()
        }
        var velocity = model
        velocity.schedule = .scaledLinear(predictionType: .velocity)
        let own = try contents(model)
        #expect(try contents(model).differences(from: own).isEmpty)
        #expect(try contents(velocity).differences(from: own) == ["prediction type and timestep"])
        #expect(try contents(model.untrainedStudent()).differences(from: own) == ["prediction type and timestep"])
        velocity.schedule = .linear()
        #expect(try contents(velocity).differences(from: own) == ["noise schedule"])
    }

    @Test("Wrong settings and models are errors that name them")
    func errors() throws {
        func error(_ change: @escaping (inout AdapterTrainingSettings) -> Void) -> String {
            do { _ = try trainer(change) } catch { return "\(error)" }
            return ""
        }
        #expect(error { $0.rank = 0 } == "setting rank: expected 1 to 4096, found 0")
        #expect(error { $0.minimumSNR = -1 } == "setting minimumSNR: expected a positive number, found -1.0")
        #expect(error { $0.priorPictures = 0 } == "setting priorPictures: expected 1 to 100000, found 0")
        #expect(error { $0.targets = ["nowhere"] }.contains("\"nowhere\" not found"))
        #expect(error { $0.textEncoderTargets = ["nowhere"] }.contains("\"nowhere\" not found"))
        #expect(throws: TrainingError.self) {
            let small = try CaptionedPictures(
                [CaptionedPicture(fileName: "a", text: "a")],
                [Picture(width: 8, height: 8, pixels: Array(repeating: 0, count: 3 * 8 * 8))])
            return try AdapterTrainer(model: self.model, pictures: small)
        }
        var blind = model
        blind.autoencoder = nil
        #expect(throws: ModelError.self) { try AdapterTrainer(model: blind, pictures: self.pictures) }
    }
}

/// Normal random numbers.
private enum RandomNumbers {
    static func normal(_ shape: [Int], seed: UInt64) -> Tensor {
        var stream = RandomStream(seed: seed)
        return stream.normal(shape)
    }
}
