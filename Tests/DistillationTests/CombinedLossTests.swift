import Tensor
import Testing

@testable import Distillation

@Suite("CombinedLoss")
struct CombinedLossTests {
    /// A loss that counts its steps in its memory, in strides of its own.
    private struct CountingLoss: DistillationLoss {
        static let name = "counting"
        var stride: Float
        let timesteps = 20..<981
        let needs: LossNeeds = .teacher

        private enum CodingKeys: CodingKey { case stride }

        func gradient(_ input: LossInput) -> LossGradient {
            let count = (input.batch.memory["count"]?.item ?? 0) + stride
            return LossGradient(
                .zeros(input.batch.original.shape), diagnostics: ["count": Double(count)],
                memory: ["count": Tensor(count)])
        }
    }

    @Test("Two losses of one name keep their own memory and report their own diagnostics")
    func sameName() throws {
        let loss = CombinedLoss(CountingLoss(stride: 1), CountingLoss(stride: 10))
        let distiller = try ReferenceRun().distiller(loss: loss)
        try distiller.step()
        let step = try distiller.step()
        #expect(step.diagnostics == ["count": 2, "counting 2.count": 20])
        #expect(distiller.memory.mapValues(\.item) == ["counting/count": 2, "counting 2/count": 20])
    }
}
