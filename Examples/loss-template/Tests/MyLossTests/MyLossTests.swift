import Distillation
import DistillationTesting
import MyLoss
import Testing

@Suite("My loss")
struct MyLossTests {
    @Test("It keeps its contract")
    func contract() {
        // What is known of the loss. Take away what is not; a statement that is wrong fails.
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = .teacher
        expectation.gradient = { sample in
            zip(sample.teacherEpsilon(), sample.fakeEpsilon()).map { sample.weight(.noise) * ($0 - $1) }
        }
        let report = LossContract(MyLoss(), expecting: expectation).run()
        #expect(report.passed, "\(report)")
        print(report)
    }

    @Test("A run's record of it can be read by a program that knows it")
    func saving() throws {
        let saved = try SavedLoss(MyLoss())
        #expect(try saved.loss(among: SavedLoss.shippedTypes + [MyLoss.self]) is MyLoss)
    }
}
