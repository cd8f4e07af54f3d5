import DiffusionModels
import Distillation
import Foundation
import Tensor

extension LossContract {
    /// The loss's gradient, sample by sample, against the closed form or objective of the expectation.
    func formulaChecks(_ problem: ContractProblem, _ value: Tensor) -> [ContractCheck] {
        let value = value.scalars.map(Double.init)
        let references = problem.references
        var checks: [ContractCheck] = []
        if let closed = expectation.gradient {
            checks.append(
                ContractCheck(
                    "closed form", Self.error(of: value, references.map(closed)), within: problem.rounding,
                    "the formula in Double; Float32 cancels in the difference of two predictions"))
        }
        if let objective = expectation.objective {
            checks.append(
                ContractCheck(
                    "finite differences", Self.error(of: value, references.map { Self.slope(of: objective, at: $0) }),
                    within: problem.rounding, "central differences of the objective in Double"))
        }
        return checks
    }

    /// ∂ objective / ∂x̂₀ of one sample, by central differences with one Richardson step.
    private static func slope(
        of objective: (ReferenceSample, ReferenceSample) -> Double, at sample: ReferenceSample
    ) -> [Double] {
        sample.original.indices.map { index in
            func slope(_ step: Double) -> Double {
                func value(_ sign: Double) -> Double {
                    var moved = sample
                    moved.original[index] += sign * step
                    return objective(moved, sample)
                }
                return (value(1) - value(-1)) / (2 * step)
            }
            return (4 * slope(5e-4) - slope(1e-3)) / 3
        }
    }

    /// The largest difference in an element, relative to the root mean square of its sample.
    private static func error(of found: [Double], _ expected: [[Double]]) -> Double {
        let count = found.count / max(expected.count, 1)
        return expected.indices.map { sample in
            guard expected[sample].count == count else { return .infinity }
            let own = Array(found[sample * count..<(sample + 1) * count])
            let size = (expected[sample].reduce(0) { $0 + $1 * $1 } / Double(count)).squareRoot()
            let differences = zip(own, expected[sample]).map { abs($0 - $1) }
            return differences.allSatisfy(\.isFinite) ? (differences.max() ?? 0) / max(size, 1e-12) : .infinity
        }.max() ?? .infinity
    }
}
