import Tensor

/// The Fréchet distance between normal distributions with the features' means and covariances: FID when the features are
/// Inception-v3's (arXiv 1706.08500).
///
/// |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). The trace of the root is computed as that of the symmetric (Σ₁^½ Σ₂ Σ₁^½)^½: no
/// imaginary parts arise, and singular covariances, as of fewer samples than features, need no correction.
///
/// Throws ``EvaluationError`` for features of different widths or fewer than two vectors, and `LinearAlgebraError` if the eigenvalues
/// cannot be computed.
public func frechetDistance(_ first: FeatureStatistics, _ second: FeatureStatistics) throws -> Double {
    guard first.width == second.width, first.count > 1, second.count > 1 else {
        throw EvaluationError.unsuitableFeatures(
            metric: "frechetDistance", expected: "at least 2 feature vectors of the same width in both sets",
            found: "\(first.count) of \(first.width) and \(second.count) of \(second.width)")
    }
    let width = first.width
    let covariance = try Matrix(first.covariance, rows: width, columns: width)
    let other = try Matrix(second.covariance, rows: width, columns: width)
    // Σ₁ = Q diag(λ) Qᵀ. Instead of its root, A = Q diag(√λ) without the columns of vanishing λ is sufficient: Aᵀ Σ₂ A has
    // the non-zero eigenvalues of Σ₁ Σ₂.
    let (values, vectors) = try covariance.symmetricEigen()
    let isKept = values.map(isSignificant(amongst: values))
    let rank = isKept.count { $0 }
    guard rank > 0 else { return shift(first, second) + trace(covariance) + trace(other) }
    var scaled: [Double] = []
    scaled.reserveCapacity(width * rank)
    for row in 0..<width {
        for column in 0..<width where isKept[column] {
            scaled.append(vectors.elements[row * width + column] * values[column].squareRoot())
        }
    }
    let root = try Matrix(scaled, rows: width, columns: rank)
    let inner = try root.matmul(other.matmul(root), transposingSelf: true)
    let squares = try inner.symmetricEigen().values
    let traceOfRoot = squares.filter(isSignificant(amongst: squares)).reduce(0) { $0 + $1.squareRoot() }
    return shift(first, second) + trace(covariance) + trace(other) - 2 * traceOfRoot
}

/// Whether an eigenvalue exceeds the rounding errors of zero, by numpy's rule for a matrix's rank. With fewer samples than
/// features hundreds of eigenvalues are zero, and the roots of their rounding errors would add up.
private func isSignificant(amongst values: [Double]) -> (Double) -> Bool {
    let threshold = (values.max() ?? 0) * Double(values.count) * Double.ulpOfOne
    return { $0 > threshold }
}

/// |μ₁ − μ₂|².
private func shift(_ first: FeatureStatistics, _ second: FeatureStatistics) -> Double {
    zip(first.mean, second.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
}

private func trace(_ matrix: Matrix) -> Double {
    (0..<matrix.rows).reduce(0) { $0 + matrix[$1, $1] }
}
