import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushRuntime
@testable import SwiftBrushTeachers

@Suite("Teacher training")
final class TeacherTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "teacher-\(UUID().uuidString)")
    private let pictures: CaptionedPictures
    private var tokenizer: URL { folder.appending(path: "tokenizer") }

    init() throws {
        pictures = try SmallSet.pictures()
        try CLIPTokenizer.learn(
            from: pictures.captions.map(\.text), vocabularySize: 540, maximumLength: 12, to: tokenizer)
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func trainer(
        start: ModelFiles? = nil, predicting type: PredictionType = .epsilon,
        _ change: (inout TeacherTrainingConfiguration) -> Void = { _ in }
    ) throws -> TeacherTrainer {
        var configuration = TeacherTrainingConfiguration()
        (configuration.batchSize, configuration.iterations, configuration.warmUp) = (4, 30, 1)
        change(&configuration)
        return try TeacherTrainer(
            pictures: pictures, autoencoder: SmallSet.autoencoder().normalizingLatents(of: pictures),
            tokenizer: CLIPTokenizer(contentsOf: tokenizer), blockChannels: [16, 32], start: start,
            predictionType: type, configuration: configuration)
    }

    @Test("NoiseLevels weights are min(1 + 1/SNR, 30), scaled to mean 1 under the sampling distribution")
    func weights() {
        let (schedule, levels) = (NoiseSchedule.scaledLinear(), NoiseLevels())
        let weights = levels.weights(on: schedule)
        // SNR = ᾱ/(1 − ᾱ), so 1 + 1/SNR = 1/ᾱ, which is below 30 at 0 and 500.
        let ratio = weights[500] / weights[0]
        let expected = schedule.cumulativeAlphas[0] / schedule.cumulativeAlphas[500]
        #expect(abs(ratio - expected) < 1e-9)
        #expect(abs(weights[999] / weights[0] - 30 * schedule.cumulativeAlphas[0]) < 1e-9)
        let all = weights.reduce(0, +) / 1000
        let high = weights[600...].reduce(0, +) / 400
        #expect(abs(0.65 * all + 0.35 * high - 1) < 1e-9)
    }

    @Test("Timesteps from 600 on are sampled with the configured share, and held-out pictures never")
    func inputs() throws {
        let trainer = try trainer()
        var streams = TeacherStreams(seed: 3)
        let inputs = streams.next(
            8000, of: trainer.captions, latentShape: [1, 1, 1], schedule: trainer.schedule, trainer.configuration)
        let share = Double(inputs.timesteps.filter { $0 >= 600 }.count) / 8000
        // 0.35 + 0.65 · 0.4; four standard deviations.
        #expect(abs(share - 0.61) < 0.022)
        #expect(inputs.timesteps.allSatisfy { (0..<1000).contains($0) })
        #expect(trainer.captions.count == 15 && !trainer.captions.map(\.text).contains("blue square top"))
        #expect(!inputs.captions.contains("blue square top"))
        let yellow = Double(inputs.pictures.filter { trainer.captions[$0].keywords.contains("yellow") }.count) / 8000
        // Four pictures of weight ½ and eleven of weight 1; four standard deviations.
        #expect(abs(yellow - 2.0 / 13) < 0.017)
    }

    @Test(
        "A step's loss is the weighted squared error of ε, or in flow matching that of u",
        arguments: [PredictionType.epsilon, .velocity, .flow])
    func loss(type: PredictionType) throws {
        let trainer = try trainer(predicting: type)
        var stream = RandomStream(seed: 9)
        let noise = stream.normal([2] + trainer.latents.shape.dropFirst())
        let inputs = TeacherStepInputs(
            pictures: [3, 7], captions: ["red square left", ""], timesteps: [100, 990], noise: noise)
        let weights = trainer.configuration.noise.weights(on: trainer.schedule)
        var (weighted, plain, original) = (0.0, 0.0, 0.0)
        for (index, timestep) in inputs.timesteps.enumerated() {
            let latents = trainer.latents.gathered(rows: [inputs.pictures[index]])
            let epsilon = noise.gathered(rows: [index])
            let noisy = trainer.schedule.noisy(latents, noise: epsilon, timesteps: [timestep])
            let text = try trainer.textEncoder.condition(for: [inputs.captions[index]], windows: 1)
            let output = trainer.network.predict(Variable(noisy), at: [Double(timestep)], given: text).value
            let (alpha, sigma) = (trainer.schedule.alpha(timestep), trainer.schedule.sigma(timestep))
            let count = Double(2 * latents.count)
            let (found, clean): (Tensor, Tensor)
            if type == .flow {
                (found, clean) = (noisy + output * Float(alpha), noisy - output * Float(sigma))
                #expect(abs(alpha - 1 + Double(timestep) / 1000) <= 1e-12)
                weighted += (output - (epsilon - latents)).squaredNorm() / count
            } else {
                found = type == .epsilon ? output : output * Float(alpha) + noisy * Float(sigma)
                clean = (noisy - found * Float(sigma)) * Float(1 / alpha)
                weighted += (found - epsilon).squaredNorm() * weights[timestep] / count
            }
            plain += (found - epsilon).squaredNorm() / count
            original += (clean - latents).squaredNorm() / count
        }
        let step = try trainer.step(with: inputs)
        // Float32 rounding differs with the order of summation.
        #expect(abs(step.loss / weighted - 1) < 1e-4)
        #expect(abs(step.epsilonLoss / plain - 1) < 1e-4)
        #expect(abs(step.originalError / original - 1) < 1e-3)
    }

    @Test(
        "Training changes all parameters of both networks and reduces the loss on fixed inputs",
        arguments: [PredictionType.epsilon, .velocity, .flow])
    func learns(type: PredictionType) throws {
        let trainer = try trainer(predicting: type) { $0.learningRate = 3e-3 }
        var streams = TeacherStreams(seed: 3)
        let inputs = streams.next(
            4, of: trainer.captions, latentShape: [4, 4, 4], schedule: trainer.schedule, trainer.configuration)
        let before = (
            trainer.network.parameters.checkpointTensors(), trainer.textEncoder.parameters.checkpointTensors()
        )
        let losses = try (0..<30).map { _ in try trainer.step(with: inputs).loss }
        #expect(losses[29] < 0.5 * losses[0])
        let after = (trainer.network.parameters.checkpointTensors(), trainer.textEncoder.parameters.checkpointTensors())
        for (before, after) in zip(before.0 + before.1, after.0 + after.1) {
            // Tokens and positions that no caption uses get no gradient, but other rows of their tables do.
            #expect(before.tensor.scalars != after.tensor.scalars, "\(before.name)")
        }
    }

    @Test(
        "A saved teacher can be loaded, sampled from, and used to start a new training",
        arguments: [PredictionType.epsilon, .flow])
    func saving(type: PredictionType) throws {
        let trainer = try trainer(predicting: type)
        for _ in 0..<2 { try trainer.step() }
        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        try run.begin(trainer)
        let autoencoder = try SmallSet.autoencoder().normalizingLatents(of: pictures)
        let teacher = trainer.teacher(decodingWith: autoencoder, autoencoder: autoencoder)
        try run.saveSheet(of: teacher, step: 2, pictures: pictures)
        let sheet = try Picture(contentsOf: run.sheet(step: 2))
        // Pairs of rows for 15 training pictures and the held-out one, eight pictures wide.
        #expect((sheet.width, sheet.height) == (8 * 18 + 2, 4 * 18 + 2))
        let errors = try run.metrics(TeacherErrors.self, in: "x0-errors.jsonl")
        #expect(errors.map(\.step) == [2] && errors[0].trainOwnText?.count == 4 && errors[0].heldOutOwnText == nil)

        try run.savePrompts(of: pictures, sampledBy: CaptionMix(), seed: 0)
        #expect(try PromptFile.read(run.prompts(.train)) == trainer.captions.map(\.text))
        #expect(try PromptFile.read(run.prompts(.heldOut)) == ["blue square top"])
        let sampled = try PromptFile.read(run.sampledPrompts)
        #expect(sampled.count == 2 * trainer.captions.count)
        #expect(!sampled.contains("") && !Set(sampled).isSubset(of: trainer.captions.map(\.text)))

        let next = try self.trainer(start: ModelFiles(contentsOf: run.teacher))
        #expect(next.schedule.predictionType == type && next.schedule.isFlowMatching == (type == .flow))
        let average = trainer.networkAverage.parameters["conv_in.weight"]?.value.scalars ?? []
        let start = next.network.parameters["conv_in.weight"]?.value.scalars ?? []
        #expect(zip(average, start).allSatisfy { abs($0 - $1) <= 1e-3 * max(abs($0), 0.1) })  // Float16's rounding
        try next.step()
    }

    @Test("A teacher that predicts velocity is saved as one, trained further as one, and not resumed as another")
    func velocity() throws {
        let trainer = try trainer(predicting: .velocity)
        try trainer.step()
        let run = try RunDirectory(folder.appending(path: "velocity"), resuming: false)
        try run.begin(trainer)
        let autoencoder = try SmallSet.autoencoder().normalizingLatents(of: pictures)
        let teacher = trainer.teacher(decodingWith: autoencoder, autoencoder: autoencoder)
        try teacher.save(to: run.teacher)
        #expect(try TextToImageModel(contentsOf: run.teacher).schedule.predictionType == .velocity)
        let next = try self.trainer(start: ModelFiles(contentsOf: run.teacher))
        #expect(next.schedule.predictionType == .velocity)
        #expect(try next.record() == trainer.record())
        #expect(try self.trainer().record().predictionType == nil)
        try RunDirectory(run.url, resuming: true).begin(self.trainer(predicting: .velocity))
        #expect(throws: RunError.self) { try RunDirectory(run.url, resuming: true).begin(self.trainer()) }
    }

    @Test("Schedules on which the loss is not defined are errors, and other schedules are part of a run's contents")
    func schedules() throws {
        let trainer = try trainer()
        func other(_ change: (inout NoiseSchedule.Configuration) -> Void) throws -> TeacherTrainer {
            var configuration = NoiseSchedule.Configuration.stableDiffusion
            change(&configuration)
            return try TeacherTrainer(
                network: trainer.network, textEncoder: trainer.textEncoder, schedule: NoiseSchedule(configuration),
                latents: trainer.latents, captions: trainer.captions)
        }
        let changes: [(inout NoiseSchedule.Configuration) -> Void] = [
            { $0.predictionType = .sample }, { $0.timestepCount = 100 },
            { ($0.predictionType, $0.rescalesToZeroSignal) = (.velocity, true) },
        ]
        for change in changes {
            #expect {
                _ = try other(change)
            } throws: { error in
                "\(error)".contains("setting schedule")
            }
        }
        let own = try other { _ in }.contents()
        #expect(try other { $0.lastBeta = 0.02 }.contents().differences(from: own) == ["noise schedule"])
    }

    @Test("DenoisingErrors are the errors of the model's own predictions")
    func originalErrors() throws {
        let autoencoder = try SmallSet.autoencoder().normalizingLatents(of: pictures)
        let model = try trainer().teacher(decodingWith: autoencoder, autoencoder: autoencoder)
        let two = try pictures.subset([0, 6])
        let errors = try DenoisingErrors(of: model, on: two, timesteps: [300], seed: 4)

        let latents = try #require(model.autoencoder).latents(of: two)
        var noise = LatentNoise(seed: 4, count: 2)
        let noisy = model.schedule.noisy(
            latents, noise: noise.next(height: 4, width: 4, channels: 4), timesteps: [300, 300])
        let deviation = latents - latents.mean(alongAxes: [0, 1, 2])
        func error(_ texts: [String]) throws -> Double {
            let output = model.network.predict(
                Variable(noisy), at: [300, 300], given: try model.embeddings(for: texts).condition(for: texts)
            ).value
            let original = model.schedule.convert(output, to: .sample, noisy: noisy, timesteps: [300, 300])
            return (original - latents).squaredNorm() / deviation.squaredNorm()
        }
        let texts = two.captions.map(\.text)
        let (own, other) = (try error(texts), try error(texts.reversed()))
        #expect(abs(errors.rows[0].ownText - own) < 1e-5)
        #expect(abs(errors.rows[0].otherText - other) < 1e-5)
        #expect(throws: TrainingError.self) { try DenoisingErrors(of: model, on: try pictures.subset([1, 1])) }
    }

    @Test("Settings out of range are errors")
    func invalid() {
        func expectThrows(_ name: String, _ change: @escaping (inout TeacherTrainingConfiguration) -> Void) {
            do {
                _ = try trainer(change)
                Issue.record("\(name): expected an error")
            } catch TrainingError.invalidSetting(let found, _, _) {
                #expect(found == name)
            } catch {
                Issue.record("\(name): found \(error)")
            }
        }
        expectThrows("batchSize") { $0.batchSize = 0 }
        expectThrows("batchSize") { $0.batchSize = 100_000_000 }
        expectThrows("iterations") { $0.iterations = .max }
        expectThrows("warmUp") { $0.warmUp = -1 }
        expectThrows("weightDecay") { $0.weightDecay = .nan }
        expectThrows("learningRate") { $0.learningRate = .infinity }
        expectThrows("averageDecay") { $0.averageDecay = 1.5 }
        expectThrows("noise.largestWeight") { $0.noise.largestWeight = 0 }
        #expect(throws: TrainingError.self) {
            try TeacherTrainer(
                pictures: pictures, autoencoder: SmallSet.autoencoder(),
                tokenizer: CLIPTokenizer(contentsOf: tokenizer), blockChannels: [20])
        }
    }

    @Test("A start teacher for a different image size is an error before training")
    func otherStart() throws {
        let start = try ModelFiles(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        let error = #expect(throws: TrainingError.self) {
            try TeacherTrainer.check(
                pictures: pictures, autoencoder: start.autoencoderConfiguration(), blockChannels: [16], start: start)
        }
        let text = error?.description ?? "no error"
        #expect(text.contains("setting start") && text.contains("64 × 64"))
    }

    @Test("A loss that is not finite stops the training before the weights change")
    func nonFinite() throws {
        let trainer = try trainer()
        let weight = try #require(trainer.network.parameters["conv_out.bias"])
        weight.value = Tensor(repeating: .infinity, shape: weight.shape)
        let before = trainer.textEncoder.parameters.checkpointTensors().map(\.tensor.scalars)
        #expect(throws: RunError.nonFinite(step: 1, tensor: "the loss", count: 1)) { try trainer.step() }
        #expect(trainer.textEncoder.parameters.checkpointTensors().map(\.tensor.scalars) == before)
        #expect(trainer.stepCount == 0)
    }
}
