import Distillation
import DistillationTesting
import Testing

/// Every loss of the library against what theory says of it; the tables are printed by `loss-contracts`.
@Suite("Loss contracts")
struct ContractTests {
    @Test("Every shipped loss keeps its contract", arguments: LossContract.shipped.indices)
    func shipped(index: Int) {
        let report = LossContract.shipped[index].run()
        #expect(report.passed, "\(report)")
    }

    @Test("Every shipped type has a contract, and a name of its own")
    func completeness() {
        let covered = Set(LossContract.shipped.map { type(of: $0.loss).name })
        #expect(covered == Set(SavedLoss.shippedTypes.map { $0.name }))
        #expect(covered.count == SavedLoss.shippedTypes.count)
    }

    @Test("A table says what was measured, what is allowed and why, and counts what failed")
    func table() {
        var wrong = LossExpectation.matchesData
        wrong.gradient = { sample in sample.noise }
        let report = LossContract(VariationalScoreDistillation(), expecting: wrong, title: "wrong").run()
        #expect(report.failures.map(\.name) == ["closed form"])
        #expect(report.description.hasPrefix("wrong: 1 of \(report.checks.count) checks FAILED"))
        #expect(report.description.contains("✗ closed form"))
    }
}
