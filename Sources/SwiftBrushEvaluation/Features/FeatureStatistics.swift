import Tensor

/// The mean and covariance of features, accumulated batch by batch in Double, with memory independent of the number of features.
public struct FeatureStatistics: Sendable {
    /// The length of a feature vector.
    public let width: Int
    /// The number of feature vectors added.
    public private(set) var count = 0
    /// The first vector, subtracted from all vectors before summing, so that sums of squares stay accurate far from the origin.
    private var shift: [Double] = []
    private var sums: [Double]
    /// The upper triangle of Σ x xᵀ.
    private var products: Matrix

    /// Whether ``count`` is known; statistics saved by other programs do not contain it.
    public private(set) var hasKnownCount = true

    /// Creates empty statistics for feature vectors of the given length. Throws ``EvaluationError`` for a length out of range.
    public init(width: Int) throws {
        guard (1...32_768).contains(width) else {
            throw EvaluationError.invalidSetting(name: "width", expected: "1 to 32768", found: "\(width)")
        }
        self.width = width
        sums = Array(repeating: 0, count: width)
        products = Matrix(zeros: width, width)
    }

    /// Creates statistics from saved values; `count` is at least 2, or nil if it is not known.
    init(mean: [Double], covariance: [Double], count: Int?) throws {
        try self.init(width: mean.count)
        self.count = count ?? 2
        hasKnownCount = count != nil
        shift = mean
        products = try Matrix(covariance.map { $0 * Double(self.count - 1) }, rows: width, columns: width)
    }

    /// Adds features, `[samples, width]`. Features can be added to saved statistics only if their count is known.
    ///
    /// Throws ``EvaluationError`` for another shape or values that are not finite, and `LinearAlgebraError` if BLAS is missing.
    public mutating func add(_ features: Tensor) throws {
        guard features.rank == 2, features.shape[1] == width else {
            throw EvaluationError.unsuitableFeatures(
                metric: "FeatureStatistics", expected: "features [samples, \(width)]", found: "\(features.shape)")
        }
        let nonFinite = features.nonFiniteCount()
        guard nonFinite == 0 else {
            throw EvaluationError.unsuitableFeatures(
                metric: "FeatureStatistics", expected: "finite features", found: "\(nonFinite) non-finite values")
        }
        guard hasKnownCount else {
            throw EvaluationError.unsuitableFeatures(
                metric: "FeatureStatistics.add", expected: "statistics of a known count", found: "an unknown count")
        }
        let rows = features.shape[0]
        guard rows > 0 else { return }
        // Changed only once nothing can throw any more.
        var (shift, sums) = (shift, sums)
        var centred = features.scalars.map(Double.init)
        if shift.isEmpty { shift = Array(centred.prefix(width)) }
        for row in 0..<rows {
            for column in 0..<width {
                centred[row * width + column] -= shift[column]
                sums[column] += centred[row * width + column]
            }
        }
        try products.addUpperTriangle(ofTransposedTimes: Matrix(centred, rows: rows, columns: width))
        (self.shift, self.sums) = (shift, sums)
        count += rows
    }

    /// The mean of each feature.
    public var mean: [Double] { zip(sums, shift).map { $0 / Double(count) + $1 } }

    /// The covariance with denominator `count − 1`, as numpy's `cov`, row by row. Throws ``EvaluationError`` unless at least two vectors have
    /// been added.
    public var covariance: [Double] {
        get throws {
            guard count > 1 else {
                throw EvaluationError.unsuitableFeatures(
                    metric: "FeatureStatistics.covariance", expected: "at least 2 feature vectors", found: "\(count)")
            }
            let products = products.elements
            var result = products
            for i in 0..<width {
                for j in i..<width {
                    let value = (products[i * width + j] - sums[i] * sums[j] / Double(count)) / Double(count - 1)
                    result[i * width + j] = value
                    result[j * width + i] = value
                }
            }
            return result
        }
    }
}
