import Distillation
import DistillationTesting
import Foundation
import MyLoss
import Testing

@Suite("A power of σ")
struct MyLossTests {
    @Test("The loss passes its contract")
    func contract() {
        let loss = PowerScoreDistillation()
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = .teacher
        expectation.gradient = { sample in
            zip(sample.teacherEpsilon(), sample.fakeEpsilon()).map { pow(sample.sigma, loss.power) * ($0 - $1) }
        }
        let report = LossContract(loss, expecting: expectation).run()
        #expect(report.passed, "\(report)")
        print(report)
    }
}
