import Autograd
import Foundation
import Tensor

/// Implicit distribution alignment (SenseFlow, arXiv 2506.00523).
extension FakeScore {
    /// Moves the fake score towards the student: φ ← λ φ + (1 − λ) θ.
    ///
    /// Adapters cannot become the student. Their product s B A approaches λ s B A + (1 − λ) (θ − W), W the teacher's weight, by least squares
    /// for B and then for A: over several steps that is the best approximation of their rank. Layers without adapters stay as they are.
    ///
    /// - Parameters:
    ///   - student: θ, with the teacher's paths and shapes.
    ///   - teacher: W.
    ///   - kept: λ.
    ///
    /// Throws `LinearAlgebraError`, for adapters only.
    package func align(with student: ParameterSet, of teacher: ParameterSet, keeping kept: Double) throws {
        let share = Float(1 - kept)
        guard let adapters else {
            for parameter in parameters.all {
                if let target = student[parameter.path] { parameter.interpolate(towards: target, by: share) }
            }
            return
        }
        let scale = adapters.alpha / Float(adapters.rank)
        for down in parameters.all where down.path.hasSuffix(Self.downSuffix) {
            let layer = down.path.dropLast(Self.downSuffix.count)
            guard let up = parameters["\(layer).lora_B.weight"], let target = student["\(layer).weight"],
                let base = teacher["\(layer).weight"]
            else { continue }
            let difference = target.value.widened() - base.value.widened()
            try Self.approach(difference * (1 / scale), up: up, down: down, by: share)
        }
    }

    private static let downSuffix = ".lora_A.weight"

    /// Moves B A by `share` of the way towards a matrix, as far as B and A in turn can.
    private static func approach(_ target: Tensor, up: Parameter, down: Parameter, by share: Float) throws {
        let rank = down.shape[0]
        let (b, a) = (up.value.reshaped(to: [up.shape[0], rank]), down.value.reshaped(to: [rank, -1]))
        let step = (target.reshaped(to: [up.shape[0], a.shape[1]]) - b.matmul(a)) * share
        let transposed = a.transposed([1, 0])
        let change = step.matmul(transposed).matmul(try inverse(a.matmul(transposed)))
        let newB = b + change
        let left = newB.transposed([1, 0])
        let newA = a + (try inverse(left.matmul(newB))).matmul(left.matmul(step - change.matmul(a)))
        // The rows of A keep their norms, so that Adam's steps keep their size relative to both factors.
        let ratios = (0..<rank).map { row -> Float in
            let (old, new) = (a.sliced(axis: 0, row..<row + 1), newA.sliced(axis: 0, row..<row + 1))
            let ratio = (old.squaredNorm() / new.squaredNorm()).squareRoot()
            return ratio.isFinite && ratio > 0 ? Float(ratio) : 1
        }
        down.value = (newA * Tensor(ratios, shape: [rank, 1])).reshaped(to: down.shape)
        up.value = (newB * Tensor(ratios.map { 1 / $0 }, shape: [1, rank])).reshaped(to: up.shape)
    }

    /// The inverse of a symmetric matrix, without directions in which it is smaller than a hundred-thousandth of its size: those of factors that are
    /// still zero, as B is at the start.
    private static func inverse(_ square: Tensor) throws -> Tensor {
        let size = square.shape[0]
        let matrix = try Matrix(square.scalars.map(Double.init), rows: size, columns: size)
        var identity = [Double](repeating: 0, count: size * size)
        for index in 0..<size { identity[index * size + index] = 1 }
        let solution = try matrix.leastSquares(Matrix(identity, rows: size, columns: size), threshold: 1e-5).solution
        return Tensor(solution.elements.map { Float($0) }, shape: [size, size])
    }
}
