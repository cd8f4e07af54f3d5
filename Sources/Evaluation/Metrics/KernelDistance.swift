import Tensor

/// The kernel distance between two sets of features: KID when the features are Inception-v3's (arXiv 1801.01401).
///
/// The unbiased estimate of the squared maximum mean discrepancy under k(x, y) = (x·y/width + 1)³, its mean and deviation over
/// random subsets without repetition. It may be below zero, and unlike the Fréchet distance does not depend on the sample count.
public struct KernelDistance: Sendable, Equatable {
    /// The mean over the subsets.
    public let mean: Double
    /// The standard deviation over the subsets, with their number below, as numpy's `std`.
    public let deviation: Double
    /// How many subsets.
    public let subsets: Int
    /// How many vectors of each set a subset has.
    public let subsetSize: Int

    /// The distance of two sets.
    ///
    /// - Parameters:
    ///   - first: one set's features.
    ///   - second: the other's.
    ///   - subsets: how many subsets; the field's is 100.
    ///   - subsetSize: how many vectors of each set; the field's is 1,000. The smaller set's count where that is less.
    ///   - seed: of the subsets' choice.
    ///
    /// Throws ``EvaluationError`` for different widths, fewer than two vectors, or some that are not finite.
    public init(_ first: Features, _ second: Features, subsets: Int = 100, subsetSize: Int = 1000, seed: UInt64 = 0)
        throws
    {
        guard subsets >= 1, subsetSize >= 2 else {
            throw EvaluationError.invalidSetting(
                name: "subsets", expected: "at least one, of at least 2 vectors",
                found: "\(subsets) of \(subsetSize)")
        }
        try Features.check("KernelDistance", first, second, atLeast: 2)
        let size = min(subsetSize, first.count, second.count)
        var stream = RandomStream(seed: seed)
        let values = (0..<subsets).map { _ in
            // In order, so that mapped files are read from front to back.
            let rows = [first, second].map { stream.permutation($0.count).prefix(size).sorted() }
            return squaredDiscrepancy(first.doubles(rows[0]), second.doubles(rows[1]), width: first.width)
        }
        let mean = values.reduce(0, +) / Double(subsets)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(subsets)
        (self.mean, deviation, self.subsets, self.subsetSize) = (mean, variance.squareRoot(), subsets, size)
    }
}

/// The unbiased squared maximum mean discrepancy of equally many vectors under the cubic kernel.
func squaredDiscrepancy(_ x: [Double], _ y: [Double], width: Int) -> Double {
    let count = x.count / width
    func kernelSum(_ a: [Double], _ b: [Double], withDiagonal: Bool) -> Double {
        let inner = products(a, b, width)
        var sum = 0.0
        for row in 0..<count {
            for column in 0..<count where withDiagonal || row != column {
                let base = inner[row * count + column] / Double(width) + 1
                sum += base * base * base
            }
        }
        return sum
    }
    let n = Double(count)
    return (kernelSum(x, x, withDiagonal: false) + kernelSum(y, y, withDiagonal: false)) / (n * (n - 1))
        - 2 * kernelSum(x, y, withDiagonal: true) / (n * n)
}
