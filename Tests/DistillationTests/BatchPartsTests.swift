import Autograd
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Batches in parts")
struct BatchPartsTests {
    /// Score identity distillation, which needs Jacobians, without saying that it does not couple samples.
    private struct Reticent: DistillationLoss {
        static let name = "reticent"
        var base = ScoreIdentityDistillation.longShortGuidance()
        var needs: LossNeeds { base.needs }
        var timesteps: Range<Int> { base.timesteps }
        var usualFakeScoreTraining: FakeScoreTraining { base.usualFakeScoreTraining }
        func gradient(_ input: LossInput) -> LossGradient { base.gradient(input) }
    }

    private static var decoupled: VariationalScoreDistillation {
        var loss = VariationalScoreDistillation()
        (loss.fakeScoreGuidanceScale, loss.guidanceTimesteps) = (1, 500..<981)
        return loss
    }

    private static let losses: [any DistillationLoss] = [
        VariationalScoreDistillation(), DMD2(), FDivergenceDistillation(),
        ScoreIdentityDistillation.longShortGuidance(),
        Reticent(), LatentConsistency(), DMD(), decoupled, CombinedLoss(decoupled, FDivergenceDistillation()),
    ]

    private static func distiller(_ loss: any DistillationLoss, parts: Int) throws -> Distiller {
        try ReferenceRun.distiller(loss) {
            ($0.batchSize, $0.accumulatedParts, $0.lagInterval) = (6, parts, 1)
            if $0.fakeScoreTraining.updatesPerStudentUpdate > 2 { $0.setFakeScoreUpdates(2) }
        }
    }

    /// The metrics apart from time and memory.
    private static func metrics(_ step: DistillationStep) -> [Double] {
        [step.studentLoss, step.fakeScoreLoss, step.studentGradientNorm, step.fakeScoreGradientNorm]
            + [step.discriminatorLoss, step.x0Mean, step.x0Deviation].map { $0 ?? 0 }
            + (step.fakeScoreErrors ?? [:]).sorted { $0.key < $1.key }.map(\.value)
            + step.diagnostics.sorted { $0.key < $1.key }.map(\.value)
    }

    @Test("Several processes compute the same bits as one with the same parts", arguments: losses.indices)
    func processes(index: Int) throws {
        func run(_ group: any ProcessGroup, sharding: Bool = false) throws -> (bits: [[UInt32]], metrics: [[Double]]) {
            let distiller = try Self.distiller(Self.losses[index], parts: 4)
            (distiller.group, distiller.shardsOptimizer) = (group, sharding)
            let metrics = try (0..<3).map { _ in Self.metrics(try distiller.step()) }
            if !sharding { return (distiller.bits, metrics) }
            let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
            defer { try? FileManager.default.removeItem(at: file) }
            try distiller.saveCheckpoint(to: file)
            guard group.rank == 0 else { return ([], metrics) }
            let whole = try Self.distiller(Self.losses[index], parts: 4)
            try whole.restoreCheckpoint(from: file)
            return (whole.bits, metrics)
        }
        let one = try run(SingleProcess())
        for process in try ThreadGroup.run(index < 2 ? 4 : 3, { try run($0, sharding: true) }) {
            let isSame = process.bits.isEmpty || process.bits == one.bits
            #expect(isSame, "sharded")
            #expect(process.metrics == one.metrics, "sharded")
        }
        for count in index < 3 ? [2, 3, 4] : [3] {
            for process in try ThreadGroup.run(count, { try run($0) }) {
                let isSame = process.bits == one.bits
                #expect(isSame, "\(count) processes")
                #expect(process.metrics == one.metrics, "\(count) processes")
            }
        }
    }

    @Test("Four parts give the gradient of the whole batch", arguments: losses.indices)
    func gradients(index: Int) throws {
        func gradients(_ parts: Int) throws -> (student: Tensor, metrics: [Double]) {
            let distiller = try Self.distiller(Self.losses[index], parts: parts)
            // Adapters start at zero, and some losses with them.
            try distiller.step()
            let step = try distiller.step()
            let moments = distiller.studentOptimizer.state.tensors.sorted { $0.key < $1.key }
                .filter { $0.key.hasPrefix("first.") }
            return (.concatenate(moments.map { $0.value.reshaped(to: [$0.value.count]) }, axis: 0), Self.metrics(step))
        }
        let (whole, parts) = (try gradients(1), try gradients(4))
        let difference = (whole.student - parts.student).squaredNorm() / whole.student.squaredNorm()
        #expect(difference.squareRoot() < 1e-5)
        for (a, b) in zip(whole.metrics, parts.metrics) { #expect(abs(a - b) <= 1e-5 * max(abs(a), 1e-3)) }
    }

    @Test("A value that is not finite in one process stops all at the same step, and leaves them as they were")
    func nonFinite() throws {
        let reference = try Self.distiller(VariationalScoreDistillation(), parts: 3)
        let before = reference.bits
        let found = ThreadGroup.errors(3) { group in
            let distiller = try Self.distiller(VariationalScoreDistillation(), parts: 3)
            distiller.group = group
            var inputs = StepInputs(
                prompts: [0, 1, 2, 3, 4, 0], latents: .ones([6, 8, 8, 4]), timesteps: [100, 200, 300, 400, 500, 600],
                noise: .ones([6, 8, 8, 4]), fakeScore: [])
            inputs.latents[5, 0, 0, 0] = .nan
            defer {
                let isSame = distiller.bits == before
                #expect(isSame)
            }
            try distiller.step(with: inputs)
        }
        #expect(found.map { $0 as? RunError } == Array(repeating: found[0] as? RunError, count: 3))
        #expect("\(found[0].map { "\($0)" } ?? "")".hasPrefix("step 1: the student's x0 has "))
    }

    @Test("A loss with a memory must couple samples")
    func memory() throws {
        struct Remembering: DistillationLoss {
            static let name = "remembering"
            var timesteps = 20..<980
            var couplesSamples = false
            var needs: LossNeeds { [.teacher, .fakeScore] }
            func gradient(_ input: LossInput) -> LossGradient {
                LossGradient(input.teacher.epsilon() - input.fakeScore.epsilon(), memory: ["last": Tensor(1)])
            }
        }
        _ = try Self.distiller(Remembering(), parts: 1).step()
        #expect(throws: DistillationError.self) { try Self.distiller(Remembering(), parts: 2).step() }
        _ = try Self.distiller(Remembering(couplesSamples: true), parts: 2).step()
    }
}
