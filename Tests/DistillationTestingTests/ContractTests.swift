import DiffusionModels
import Distillation
import DistillationTesting
import Testing

/// The contracts of all losses of the library; `loss-contracts` prints their reports.
@Suite("Loss contracts")
struct ContractTests {
    @Test("All checks of every shipped loss pass", arguments: LossContract.shipped.indices)
    func shipped(index: Int) {
        let report = LossContract.shipped[index].run()
        #expect(report.passed, "\(report)")
    }

    @Test(
        "Formulas, expectations and optima of every shipped loss hold in flow matching too",
        arguments: LossContract.shipped.indices)
    func flowMatching(index: Int) {
        let contract = LossContract.shipped[index]
        let report = LossContract(
            contract.loss, expecting: contract.expectation, title: contract.title, schedule: .flowMatching()
        ).run()
        #expect(report.passed, "\(report)")
    }

    @Test("Every shipped loss type has a contract and a unique name")
    func completeness() {
        let covered = Set(LossContract.shipped.map { type(of: $0.loss).name })
        #expect(covered == Set(SavedLoss.shippedTypes.map { $0.name }))
        #expect(covered.count == SavedLoss.shippedTypes.count)
    }

    @Test("A report counts and marks the checks that failed")
    func table() {
        var wrong = LossExpectation.matchesData
        wrong.gradient = { sample in sample.noise }
        let report = LossContract(VariationalScoreDistillation(), expecting: wrong, title: "wrong").run()
        #expect(report.failures.map(\.name) == ["closed form"])
        #expect(report.description.hasPrefix("wrong: 1 of \(report.checks.count) checks FAILED"))
        #expect(report.description.contains("✗ closed form"))
    }
}
