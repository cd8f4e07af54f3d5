/// Improved precision and recall (arXiv 1904.06991), which approximate a set's manifold by balls around its vectors, with the
/// distance to the k-th nearest neighbour in the set as radius.
///
/// As in the authors' code, a vector at exactly that distance lies in the ball.
public struct PrecisionAndRecall: Sendable, Equatable {
    /// The share of generated images in the reference's manifold: fidelity.
    public let precision: Double
    /// The share of reference images in the generated images' manifold: diversity.
    public let recall: Double
    /// The number of the nearest neighbour that determines a ball's radius, k.
    public let neighbours: Int

    /// The paper's k.
    static let usualNeighbours = 3

    /// Computes precision and recall from features.
    ///
    /// The sets may differ in size, but recall falls with the number of generated images: compare equal counts.
    ///
    /// - Parameters:
    ///   - generated: the features of the generated images.
    ///   - reference: the features of the reference images.
    ///   - neighbours: k; nil means the paper's, 3.
    ///
    /// Throws ``EvaluationError`` for different widths, fewer than k + 1 vectors, or values that are not finite.
    public init(generated: Features, reference: Features, neighbours: Int? = nil) throws {
        let neighbours = neighbours ?? Self.usualNeighbours
        guard (1..<1 << 32).contains(neighbours) else {
            throw EvaluationError.invalidSetting(
                name: "neighbours", expected: "at least 1 and below 2^32", found: "\(neighbours)")
        }
        try Features.check("PrecisionAndRecall", generated, reference, atLeast: neighbours + 1)
        self.neighbours = neighbours
        let referenceRadii = try reference.squaredRadii(neighbours)
        let generatedRadii = try generated.squaredRadii(neighbours)
        var isReal = [Bool](repeating: false, count: generated.count)
        var isCovered = [Bool](repeating: false, count: reference.count)
        try PairwiseDistances(generated, reference).forEachStretch { row, first, squares in
            for (column, square) in zip(first..., squares) {
                if square <= referenceRadii[column] { isReal[row] = true }
                if square <= generatedRadii[row] { isCovered[column] = true }
            }
        }
        precision = Double(isReal.count { $0 }) / Double(generated.count)
        recall = Double(isCovered.count { $0 }) / Double(reference.count)
    }
}
