import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

/// Every kind of loss in a run on a small random network: its needs, its memory, and bit-exact resumption.
@Suite("Losses in runs")
final class LossRunTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "loss-run-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private static let losses: [any DistillationLoss] = [
        RandomGuidanceDistillation(), ScoreIdentityDistillation.longShortGuidance(), ScoreImplicitMatching(), DMD(),
        DMD2(),
        FDivergenceDistillation(), LatentConsistency(), SwiftBrushV2(),
    ]

    @Test("A run of three steps equals one that is resumed after the first, bit for bit", arguments: losses.indices)
    func resume(index: Int) throws {
        let loss = Self.losses[index]
        let straight = try ReferenceRun.distiller(loss)
        for _ in 0..<3 { try straight.step() }
        let first = try ReferenceRun.distiller(loss)
        try first.step()
        let file = folder.appending(path: "checkpoint.safetensors")
        try first.saveCheckpoint(to: file)
        let second = try ReferenceRun.distiller(loss)
        try second.restoreCheckpoint(from: file)
        for _ in 0..<2 { try second.step() }
        #expect(second.bits == straight.bits)
        #expect(second.streams == straight.streams)
    }

    @Test("A fake score that is a full copy starts equal to the teacher, shares no weights with it, and is trained")
    func fullCopy() throws {
        let distiller = try ReferenceRun.distiller(VariationalScoreDistillation()) { $0.fakeScoreWeights = .copy }
        let before = distiller.teacher.parameters.all.map(\.value.scalars)
        #expect(try distiller.step().studentLoss == 0)
        #expect(try distiller.step().studentLoss > 0)
        #expect(distiller.teacher.parameters.all.map(\.value.scalars) == before)
        #expect(distiller.fakeScore.parameters.all.map(\.value.scalars) != before)
    }

    @Test("The discriminator's loss decreases in training and is reported")
    func discriminator() throws {
        let distiller = try ReferenceRun.distiller(DMD2()) {
            ($0.studentLearningRate, $0.fakeScoreTraining.discriminatorWeight) = (0, 1)
        }
        let losses = try (0..<12).map { _ in try #require(try distiller.step().discriminatorLoss) }
        #expect(losses[11] < 0.8 * losses[0], "\(losses)")
        #expect(try distiller.step().diagnostics.keys.sorted() == ["realness"])
        #expect(try ReferenceRun.distiller(VariationalScoreDistillation()).step().discriminatorLoss == nil)
    }

    @Test("The fake score is not updated for a loss that does not need it")
    func withoutFakeScore() throws {
        let distiller = try ReferenceRun.distiller(ScoreDistillationSampling())
        let before = distiller.fakeScore.parameters.all.map(\.value.scalars)
        try distiller.step()
        #expect(distiller.fakeScore.parameters.all.map(\.value.scalars) == before)
    }

    @Test("With reduction over samples, the student's gradient is larger by the number of elements per sample")
    func reduction() throws {
        let norms = try [GradientReduction.elements, .samples].map { reduction in
            try ReferenceRun.distiller(ScoreDistillationSampling()) { $0.gradientReduction = reduction }.step()
                .studentGradientNorm
        }
        // A sample has 8 · 8 · 4 elements.
        #expect(abs(norms[1] / norms[0] - 256) <= 1e-3)
    }

    @Test("Prompts are dropped only for the sampled indices, and at the configured rate")
    func droppedPrompts() throws {
        let conditions = try ReferenceRun().distiller().conditions
        let mixed = conditions.conditions([3, 1, 4], dropping: [false, true, false])
        let own = conditions.conditions([3, 1, 4])
        for (sample, expected) in [(0, own), (1, conditions.nulls(3)), (2, own)] {
            func row(_ condition: TextCondition) -> [Float] { condition.gathered(rows: [sample]).tokens.value.scalars }
            #expect(row(mixed) == row(expected))
        }
        var streams = DistillationStreams(seed: 3)
        var training = FakeScoreTraining()
        (training.nullPromptRate, training.dropsPromptsPerSample) = (0.5, true)
        let plan = StepPlan(
            promptCount: 5, latentShape: [1, 1, 1], batch: 64, timesteps: 0..<10, training: training,
            fakeScoreUpdates: 1,
            dataCount: 0, realCount: 0)
        let drops = streams.next(plan).fakeScore[0].dropsPrompts
        #expect((16...48).contains(drops.filter { $0 }.count))
        #expect(streams.next(plan).fakeScore[0].real == nil)
    }

    @Test("Missing or unsuitable resources of a loss are reported by name before the run starts")
    func missingResources() throws {
        for (loss, name) in [
            (DMD2() as any DistillationLoss, "discriminator and realLatents"), (DMD(), "pairs"),
            (SwiftBrushV2(), "decoder and reward"), (LatentConsistency(), "realLatents"),
        ] {
            do {
                _ = try ReferenceRun().distiller(loss: loss)
                Issue.record("no error for \(name)")
            } catch DistillationError.invalidSetting("resources", let expected, "none") {
                #expect(expected == "\(name), which \(type(of: loss).name) needs")
            }
        }
        #expect(throws: DistillationError.self) {
            try ReferenceRun().distiller(loss: LatentConsistency()) { _ in
                var resources = DistillationResources()
                resources.realLatents = try RealLatents(latents: .zeros([1, 8, 8, 4]), prompts: [5])
                return resources
            }
        }
    }

    @Test("A saved loss is decoded by its name among the given types")
    func rebuilding() throws {
        struct Own: DistillationLoss {
            static let name = "own"
            var strength = 2.0
            var needs: LossNeeds { .teacher }
            var timesteps: Range<Int> { 0..<10 }
            func gradient(_ input: LossInput) -> LossGradient { LossGradient(input.noise * Float(strength)) }
        }
        for loss in Self.losses {
            let saved = try SavedLoss(loss)
            let again = try SavedLoss(saved.loss())
            #expect(again == saved)
        }
        var own = Own()
        own.strength = 3
        let run = try RunDirectory(folder.appending(path: "own"), resuming: false)
        try run.begin(ReferenceRun.distiller(own))
        #expect(throws: DistillationError.self) { try run.loss() }
        let found = try run.loss(among: SavedLoss.shippedTypes + [Own.self])
        #expect((found as? Own)?.strength == 3)
        #expect(try run.settings().adapterRank == 4)
    }

    @Test("The fake score's training loss uses its guidance scale")
    func guidedTraining() throws {
        let run = try ReferenceRun()
        var training = FakeScoreTraining.scoreIdentity(guidanceScale: 3)
        var stream = RandomStream(seed: 4)
        let (original, noise) = (stream.normal([2, 8, 8, 4]), stream.normal([2, 8, 8, 4]))
        let inputs = FakeScoreInputs(timesteps: [100, 700], noise: noise, dropsPrompts: [false, false])
        let embeddings = TextCondition(tokens: try run.tensor("embeddings").sliced(axis: 0, 0..<2))
        let null = TextCondition(tokens: try run.tensor("null")).broadcast(to: 2)
        func loss(_ condition: TextCondition) throws -> Double {
            Double(
                try training.loss(
                    of: run.teacher, on: original, inputs, given: condition, nullCondition: null, schedule: run.schedule
                ).value.item)
        }
        let noisy = run.schedule.noisy(original, noise: noise, timesteps: inputs.timesteps)
        let guided = try Guidance(scale: 3, unconditional: null)
            .predict(with: run.teacher, noisy, at: [100, 700], given: embeddings)
        let expected = (guided - noise).squaredNorm() / Double(noise.count)
        #expect(try abs(loss(embeddings) - expected) <= 1e-5 * expected)
        training.target = .sample
        let ratios = run.schedule.sigmas(inputs.timesteps) / run.schedule.alphas(inputs.timesteps)
        let inOriginal = ((guided - noise) * ratios).squaredNorm() / Double(noise.count)
        #expect(try abs(loss(embeddings) - inOriginal) <= 1e-4 * inOriginal)
    }
}

@Suite("Merging students")
struct MergingTests {
    @Test("merged(with:share:) interpolates the weights, and rejects a student of another timestep")
    func merging() throws {
        let student = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-student"))
        var other = student
        let network = student.network.copy(trainable: false)
        for parameter in network.parameters.all { parameter.value = parameter.value * 3 }
        other.network = network
        let merged = try student.merged(with: other, share: 0.25)
        for parameter in merged.network.parameters.all {
            let own = try #require(student.network.parameters[parameter.path]).value
            #expect(relativeError(parameter.value, own * 2.5) <= 1e-5 || own.squaredNorm() == 0, "\(parameter.path)")
        }
        other.oneStep = try OneStepConfiguration(timestep: 625, cumulativeAlpha: 0.1)
        #expect(throws: DistillationError.self) { try student.merged(with: other) }
    }
}
