import CLAPACKE
import COpenBLAS
import Tensor

/// The Fréchet distance between normal distributions with the features' means and covariances: FID when the features are
/// Inception-v3's (arXiv 1706.08500).
///
/// |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), the trace of the root taken as that of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric: no
/// imaginary parts arise and singular covariances need no correction.
///
/// Throws ``EvaluationError`` for features of different widths or fewer than two.
public func frechetDistance(_ first: FeatureStatistics, _ second: FeatureStatistics) throws -> Double {
    guard first.width == second.width, first.count > 1, second.count > 1 else {
        throw EvaluationError.unsuitableFeatures(
            metric: "frechetDistance", expected: "at least 2 feature vectors of one width on both sides",
            found: "\(first.count) of \(first.width) and \(second.count) of \(second.width)")
    }
    let width = first.width
    let (covariance, other) = (first.covariance, second.covariance)
    let (values, vectors) = try symmetricEigen(covariance, width)
    // Σ₁^½ = Q diag(√λ) Qᵀ; rounding may leave eigenvalues just below zero.
    var scaled = vectors
    for row in 0..<width {
        for column in 0..<width { scaled[row * width + column] *= max(values[column], 0).squareRoot() }
    }
    let root = product(scaled, vectors, width, transposingSecond: true)
    let inner = product(product(root, other, width), root, width)
    let traceOfRoot = try symmetricEigen(inner, width).values.reduce(0) { $0 + max($1, 0).squareRoot() }
    let shift = zip(first.mean, second.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let traces = (0..<width).reduce(0) { $0 + covariance[$1 * width + $1] + other[$1 * width + $1] }
    return shift + traces - 2 * traceOfRoot
}

/// Eigenvalues, rising, and eigenvectors, as columns, of a symmetric matrix.
private func symmetricEigen(_ matrix: [Double], _ width: Int) throws -> (values: [Double], vectors: [Double]) {
    var vectors = matrix
    var values = [Double](repeating: 0, count: width)
    let status = LAPACKE_dsyevd(
        LAPACK_ROW_MAJOR, Int8(UInt8(ascii: "V")), Int8(UInt8(ascii: "U")), Int32(width), &vectors, Int32(width),
        &values)
    guard status == 0 else { throw EvaluationError.decompositionFailed(routine: "dsyevd", status: Int(status)) }
    return (values, vectors)
}

private func product(
    _ a: [Double], _ b: [Double], _ width: Int, transposingSecond: Bool = false
) -> [Double] {
    var result = [Double](repeating: 0, count: width * width)
    let n = Int32(width)
    cblas_dgemm(
        CblasRowMajor, CblasNoTrans, transposingSecond ? CblasTrans : CblasNoTrans, n, n, n, 1, a, n, b, n, 0, &result,
        n)
    return result
}
