import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import Distillation

/// Gradients compared with PyTorch's on a small random network; the script is `Tests/Fixtures/losses/make.py`.
@Suite("Losses compared with PyTorch", .highestPrecision)
struct LossParityTests {
    private static let cases: [(name: String, loss: any DistillationLoss)] = {
        var general = ScoreIdentityDistillation()
        general.alpha = 1.2
        return [
            ("vsd", VariationalScoreDistillation()), ("prolific", VariationalScoreDistillation.prolificDreamer),
            ("dmd", DistributionMatchingDistillation()), ("sid", ScoreIdentityDistillation()), ("sid-1.2", general),
            ("sid-lsg", ScoreIdentityDistillation.longShortGuidance()),
        ]
    }()

    @Test("The gradients with respect to x0 and the student's weights match PyTorch's", arguments: cases.indices)
    func gradients(index: Int) throws {
        let (name, loss) = Self.cases[index]
        let golden = try Fixtures.tensors("losses/golden.safetensors")
        func tensor(_ key: String) throws -> Tensor { try #require(golden[key], "\(key)") }
        let run = try ReferenceRun()
        let fakeScore = try ReferenceRun.configuration.fakeScore(of: run.teacher)
        let adapters = golden.filter { $0.key.hasPrefix("adapter.") }
        try fakeScore.parameters.load(
            Dictionary(uniqueKeysWithValues: adapters.map { (String($0.key.dropFirst(8)), $0.value) }))
        let parameters = run.teacher.parameters.copy(trainable: true)
        let entrance = try #require(parameters["conv_in.weight"])
        entrance.value = entrance.value * 2
        let student = OneStepStudent(
            network: UNet2DConditionModel(run.teacher.configuration, in: parameters.scope),
            step: try OneStepConfiguration(timestep: 999, cumulativeAlpha: 0.0047))

        let condition = TextCondition(tokens: try tensor("embeddings"))
        let output = try student.generate(from: Variable(try tensor("latents").channelsLast()), given: condition)
        #expect(relativeError(output.value.channelsFirst(), try tensor("x0")) <= 1e-4)
        let batch = GeneratedBatch(
            original: output.value, noise: try tensor("noise").channelsLast(),
            timesteps: try tensor("timesteps").scalars.map { Int($0) }, condition: condition,
            nullCondition: TextCondition(tokens: try tensor("null")).broadcast(to: condition.count))
        let networks = ScoreNetworks(teacher: run.teacher, fakeScore: fakeScore.network, schedule: run.schedule)
        let gradient = try loss.gradient(networks.evaluate(batch, needs: loss.needs)).value
        let expected = try tensor("\(name).gradient")
        for sample in 0..<3 {
            func part(_ tensor: Tensor) -> Tensor { tensor.sliced(axis: 0, sample..<sample + 1) }
            #expect(relativeError(part(gradient.channelsFirst()), part(expected)) <= 1e-4, "sample \(sample)")
        }

        let reduction: GradientReduction = loss is ScoreIdentityDistillation ? .samples : .elements
        output.backward(from: gradient / reduction.divisor(for: gradient.shape))
        let norm = parameters.all.reduce(0.0) { $0 + ($1.gradient?.squaredNorm() ?? 0) }.squareRoot()
        let expectedNorm = Double(try tensor("\(name).norm").item)
        #expect(abs(norm - expectedNorm) <= 1e-4 * expectedNorm)
        #expect(parameters.all.allSatisfy { $0.gradient != nil })
        #expect(run.teacher.parameters.all.allSatisfy { $0.gradient == nil })
    }
}
