import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Lag of the fake score")
final class LagTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lag-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func distiller(_ interval: Int?) throws -> Distiller {
        try ReferenceRun.distiller(VariationalScoreDistillation()) { $0.lagInterval = interval }
    }

    /// The fake score's error in ε on samples, with given noise.
    private static func error(
        _ distiller: Distiller, _ original: Tensor, _ prompts: [Int], _ inputs: StepInputs
    ) throws -> Double {
        let noisy = distiller.schedule.noisy(original, noise: inputs.noise, timesteps: inputs.timesteps)
        let output = distiller.fakeScore.network.predict(
            Variable(noisy), at: inputs.timesteps.map(Double.init), given: distiller.conditions.conditions(prompts))
        return (output.value - inputs.noise).squaredNorm() / Double(original.count)
    }

    private static func inputs(_ seed: UInt64) -> StepInputs {
        var stream = RandomStream(seed: seed)
        let shape = [3, 8, 8, 4]
        return StepInputs(
            prompts: stream.integers(3, in: 0..<5), latents: stream.normal(shape),
            timesteps: stream.integers(3, in: 20..<981), noise: stream.normal(shape),
            fakeScore: [
                FakeScoreInputs(
                    timesteps: stream.integers(3, in: 0..<1000), noise: stream.normal(shape),
                    dropsPrompts: [false, false, false])
            ])
    }

    @Test("Each second step reports the error on the samples of two steps before, with the step's own noise")
    func errors() throws {
        let distiller = try Self.distiller(2)
        for number in 1...4 {
            let inputs = Self.inputs(UInt64(number))
            let conditions = distiller.conditions.conditions(inputs.prompts)
            let original = try distiller.student.generate(from: Variable(inputs.latents), given: conditions).value
            let newest = try Self.error(distiller, original, inputs.prompts, inputs)
            let older = try distiller.earlierSamples.map {
                try Self.error(distiller, $0.original, $0.prompts, inputs)
            }
            let step = try distiller.step(with: inputs)
            let found = try #require(step.fakeScoreErrors)
            // Batches of several conditions add in another order.
            #expect(abs((found["newest"] ?? 0) - newest) <= 1e-5 * newest)
            #expect((found["older"] != nil) == (number == 4))
            if number == 4 { #expect(abs((found["older"] ?? 0) - (older ?? 0)) <= 1e-5 * newest) }
            let mean = original.mean()
            let variance = (original - Float(mean)).squaredNorm() / Double(original.count)
            #expect(abs((step.x0Mean ?? 0) - mean) <= 1e-6)
            #expect(abs((step.x0Deviation ?? 0) - variance.squareRoot()) <= 1e-5 * variance.squareRoot())
            if number == 2 { #expect(distiller.earlierSamples?.prompts == inputs.prompts) }
        }
    }

    @Test("A run with measurements takes the same steps as one without, and is resumed with the same measurements")
    func resume() throws {
        let (plain, straight, first, second) = (
            try Self.distiller(nil), try Self.distiller(2), try Self.distiller(2), try Self.distiller(2)
        )
        for _ in 0..<4 { try plain.step() }
        let steps = try (0..<4).map { _ in try straight.step() }
        #expect(plain.bits == straight.bits)
        for _ in 0..<3 { try first.step() }
        let file = folder.appending(path: "checkpoint.safetensors")
        try first.saveCheckpoint(to: file)
        try second.restoreCheckpoint(from: file)
        #expect(second.memory.isEmpty)
        let last = try second.step()
        #expect(last.fakeScoreErrors?["older"] != nil)
        #expect(last.fakeScoreErrors == steps[3].fakeScoreErrors)
    }

    @Test("Metrics of runs without these fields are read")
    func earlierVersion() throws {
        let line =
            #"{"diagnostics":{},"fakeScoreGradientNorm":1,"fakeScoreLoss":1,"peakBytes":1,"samplesSeen":16,"seconds":1,"#
            + #""step":1,"studentGradientNorm":1,"studentLoss":1}"#
        let step = try JSONDecoder().decode(DistillationStep.self, from: Data(line.utf8))
        #expect(step.x0Mean == nil && step.fakeScoreErrors == nil)
    }

    @Test("A loss without a fake score reports no error of it")
    func withoutFakeScore() throws {
        let step = try ReferenceRun.distiller(ScoreDistillationSampling()) { $0.lagInterval = 1 }.step()
        #expect(step.fakeScoreErrors == nil && step.x0Mean != nil)
    }
}
