import Foundation
import Tensor

/// UniPC's predictor and corrector steps in the form with B(h) (arXiv 2302.04867, formulas 3 and 9).
struct UniPCUpdate: Sendable {
    /// Whether predictions are of x₀ instead of ε.
    let predictsOriginal: Bool
    /// Whether B(h) = h (`bh1`) instead of e^h − 1 (`bh2`).
    let isFirstKind: Bool

    /// Predicts the latents at `levels[0]` from `order` predictions at the other levels, newest first.
    func predict(_ latents: Tensor, order: Int, predictions: [Tensor], levels: [SignalLevel]) -> Tensor {
        let step = Step(self, levels)
        var terms = step.firstOrder(latents, predictions[0])
        if order > 1 {
            let (matrix, right) = step.system(order: order)
            // For order 2 the paper uses 1/2 instead of solving the system.
            let weights =
                order == 2
                ? [0.5] : Self.solution(matrix.dropLast().map { Array($0.dropLast()) }, Array(right.dropLast()))
            for index in 1..<order {
                let weight = -step.scale * step.base * weights[index - 1] / step.ratios[index - 1]
                terms += [(weight, predictions[index]), (-weight, predictions[0])]
            }
        }
        return .combination(terms)
    }

    /// Recomputes the latents at `levels[0]` from the prediction there, `predictions[0]`, and `order` earlier predictions.
    func correct(_ latents: Tensor, order: Int, predictions: [Tensor], levels: [SignalLevel]) -> Tensor {
        let step = Step(self, levels)
        var terms = step.firstOrder(latents, predictions[1])
        var weights = [0.5]
        if order > 1 {
            let (matrix, right) = step.system(order: order)
            weights = Self.solution(matrix, right)
        }
        for index in 1..<order {
            let weight = -step.scale * step.base * weights[index - 1] / step.ratios[index - 1]
            terms += [(weight, predictions[index + 1]), (-weight, predictions[1])]
        }
        let weight = -step.scale * step.base * weights[order - 1]
        return .combination(terms + [(weight, predictions[0]), (-weight, predictions[1])])
    }

    /// The lengths of one step in λ, and the quantities derived from them.
    private struct Step {
        let here: SignalLevel
        let there: SignalLevel
        let predictsOriginal: Bool
        /// h for predictions of ε, −h for x₀.
        let h: Double
        /// B(h).
        let base: Double
        /// The factor of all terms but the first: α′ for predictions of x₀, σ′ for ε.
        let scale: Double
        /// (λ_i − λ) / h for each earlier prediction.
        let ratios: [Double]

        init(_ update: UniPCUpdate, _ levels: [SignalLevel]) {
            (there, here, predictsOriginal) = (levels[0], levels[1], update.predictsOriginal)
            let length = levels[0].logSignalToNoise - levels[1].logSignalToNoise
            h = predictsOriginal ? -length : length
            base = update.isFirstKind ? h : expm1(h)
            scale = predictsOriginal ? there.alpha : there.sigma
            ratios = levels.dropFirst(2).map {
                ($0.logSignalToNoise - levels[1].logSignalToNoise) / length
            }
        }

        func firstOrder(_ latents: Tensor, _ prediction: Tensor) -> [(weight: Double, tensor: Tensor)] {
            if predictsOriginal {
                let decay = there.ratio / here.ratio
                return [(there.sigma / here.sigma, latents), (there.alpha * (1 - decay), prediction)]
            }
            return [
                (there.alpha / here.alpha, latents), (-there.alpha * (here.ratio - there.ratio), prediction),
            ]
        }

        /// The matrix R and the vector b of the linear system whose solution is the weights.
        func system(order: Int) -> (matrix: [[Double]], right: [Double]) {
            let places = ratios.prefix(order - 1) + [1]
            var (matrix, right): ([[Double]], [Double]) = ([], [])
            var (phi, factorial) = (expm1(h) / h - 1, 1.0)
            for power in 1...order {
                matrix.append(places.map { pow($0, Double(power - 1)) })
                right.append(phi * factorial / base)
                factorial *= Double(power + 1)
                phi = phi / h - 1 / factorial
            }
            return (matrix, right)
        }
    }

    /// The solution of a small linear system by Gaussian elimination with partial pivoting.
    private static func solution(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var (rows, values) = (matrix, right)
        let count = values.count
        for column in 0..<count {
            let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(column, pivot)
            values.swapAt(column, pivot)
            for row in column + 1..<max(count, column + 1) {
                let factor = rows[row][column] / rows[column][column]
                for place in column..<count { rows[row][place] -= factor * rows[column][place] }
                values[row] -= factor * values[column]
            }
        }
        for row in (0..<count).reversed() {
            for place in row + 1..<max(count, row + 1) { values[row] -= rows[row][place] * values[place] }
            values[row] /= rows[row][row]
        }
        return values
    }
}
