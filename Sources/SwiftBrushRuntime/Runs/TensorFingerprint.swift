import Autograd
import Foundation
import Tensor

/// A fingerprint of tensors that tolerates differences in their last bits, which depend on the processor and the number of threads.
///
/// Random projections (Johnson and Lindenstrauss, 1984): a change of the tensors changes each by about the change's norm.
struct TensorFingerprint: Codable, Equatable, Sendable {
    /// The projections.
    var values: [Double]
    /// The Euclidean norm of all numbers together.
    var norm: Double

    private static let count = 4

    init(of tensors: [Tensor]) {
        let root = RandomStream(seed: 0x5157)
        let widest = tensors.map { $0.count / max($0.shape.first ?? 1, 1) }.max() ?? 0
        var stream = root.split("columns")
        let columns = stream.normal([max(widest, 1), Self.count])
        var squares = 0.0
        values = Array(repeating: 0, count: Self.count)
        for (index, tensor) in tensors.enumerated() where tensor.count > 0 {
            let rows = tensor.shape.first ?? 1
            let width = tensor.count / rows
            let matrix = tensor.widened().reshaped(to: [rows, width])
            squares += matrix.squaredNorm()
            var stream = root.split(index)
            let weights = stream.normal([rows, 1])
            let projected = matrix.matmul(columns.sliced(axis: 0, 0..<width)) * weights
            for (index, value) in projected.scalars.enumerated() { values[index % Self.count] += Double(value) }
        }
        norm = squares.squareRoot()
    }

    /// Whether the tensors are the same, up to a fraction of their norm.
    func isClose(to other: TensorFingerprint, within tolerance: Double) -> Bool {
        let differences = zip(values + [norm], other.values + [other.norm]).map { abs($0 - $1) }
        return values.count == other.values.count && differences.allSatisfy { $0 <= tolerance * max(norm, 1e-30) }
    }
}
