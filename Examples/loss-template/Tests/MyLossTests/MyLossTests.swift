import Distillation
import DistillationTesting
import MyLoss
import Testing

@Suite("My loss")
struct MyLossTests {
    @Test("MyLoss passes its contract")
    func contract() {
        // The known properties of the loss. Remove those that you do not know; a wrong one fails.
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = .teacher
        expectation.gradient = { sample in
            zip(sample.teacherEpsilon(), sample.fakeEpsilon()).map { sample.weight(.noise) * ($0 - $1) }
        }
        let report = LossContract(MyLoss(), expecting: expectation).run()
        #expect(report.passed, "\(report)")
        print(report)
    }

    @Test("A saved MyLoss is decoded if its type is listed")
    func saving() throws {
        let saved = try SavedLoss(MyLoss())
        #expect(try saved.loss(among: SavedLoss.shippedTypes + [MyLoss.self]) is MyLoss)
    }
}
