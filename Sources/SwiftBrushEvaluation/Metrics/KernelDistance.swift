import Tensor

/// The kernel distance between two sets of features: KID when the features are Inception-v3's (arXiv 1801.01401).
///
/// The unbiased estimate of the squared maximum mean discrepancy under k(x, y) = (x·y/width + 1)³, as mean and standard deviation
/// over random subsets without replacement. It can be negative, and unlike the Fréchet distance does not depend on the sample count.
public struct KernelDistance: Sendable, Equatable {
    /// The mean over the subsets.
    public let mean: Double
    /// The standard deviation over the subsets, with their number as denominator, as numpy's `std`.
    public let deviation: Double
    /// The number of subsets.
    public let subsets: Int
    /// The number of vectors of each set in a subset.
    public let subsetSize: Int

    /// Computes the distance between two sets.
    ///
    /// - Parameters:
    ///   - first: the features of one set.
    ///   - second: the features of the other set.
    ///   - subsets: the number of subsets; 100 is customary.
    ///   - subsetSize: the number of vectors of each set; 1,000 is customary. At most the smaller set's count is used.
    ///   - seed: the seed of the choice of subsets.
    ///
    /// Throws ``EvaluationError`` for different widths, fewer than two vectors, or values that are not finite.
    public init(_ first: Features, _ second: Features, subsets: Int = 100, subsetSize: Int = 1000, seed: UInt64 = 0)
        throws
    {
        guard (1...1_000_000).contains(subsets), subsetSize >= 2 else {
            throw EvaluationError.invalidSetting(
                name: "subsets", expected: "1 to 1000000, of at least 2 vectors",
                found: "\(subsets) of \(subsetSize)")
        }
        try Features.check("KernelDistance", first, second, atLeast: 2)
        let size = min(subsetSize, first.count, second.count)
        var stream = RandomStream(seed: seed)
        let values = try (0..<subsets).map { _ in
            // Sorted, so that memory-mapped files are read sequentially.
            let rows = [first, second].map { stream.permutation($0.count).prefix(size).sorted() }
            return try squaredDiscrepancy(first.doubles(rows[0]), second.doubles(rows[1]), width: first.width)
        }
        let mean = values.reduce(0, +) / Double(subsets)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(subsets)
        (self.mean, deviation, self.subsets, self.subsetSize) = (mean, variance.squareRoot(), subsets, size)
    }
}

/// The unbiased squared maximum mean discrepancy under the cubic kernel, for two sets of equally many vectors.
func squaredDiscrepancy(_ x: [Double], _ y: [Double], width: Int) throws -> Double {
    let count = x.count / width
    func kernelSum(_ a: [Double], _ b: [Double], withDiagonal: Bool) throws -> Double {
        let inner = try products(a, b, width)
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
    return try (kernelSum(x, x, withDiagonal: false) + kernelSum(y, y, withDiagonal: false)) / (n * (n - 1))
        - 2 * kernelSum(x, y, withDiagonal: true) / (n * n)
}
