/// Density and coverage (arXiv 2002.09797), which unlike precision and recall are robust to outliers: all balls are around reference
/// vectors, with the distance to the k-th nearest neighbour in the reference as radius.
///
/// As in the authors' code, a vector at exactly that distance lies outside the ball.
public struct DensityAndCoverage: Sendable, Equatable {
    /// The mean number of reference balls that contain a generated image, divided by k: fidelity. It can exceed 1.
    public let density: Double
    /// The share of reference images whose ball contains a generated image: diversity.
    public let coverage: Double
    /// The number of the nearest neighbour that determines a ball's radius, k.
    public let neighbours: Int

    /// The paper's k.
    static let usualNeighbours = 5

    /// Computes density and coverage from features.
    ///
    /// Coverage rises with the number of generated images: compare equal counts.
    ///
    /// - Parameters:
    ///   - generated: the features of the generated images.
    ///   - reference: the features of the reference images.
    ///   - neighbours: k; nil means the paper's, 5.
    ///
    /// Throws ``EvaluationError`` for different widths, fewer than k + 1 vectors, or values that are not finite.
    public init(generated: Features, reference: Features, neighbours: Int? = nil) throws {
        let neighbours = neighbours ?? Self.usualNeighbours
        guard (1..<1 << 32).contains(neighbours) else {
            throw EvaluationError.invalidSetting(
                name: "neighbours", expected: "at least 1 and below 2^32", found: "\(neighbours)")
        }
        try Features.check("DensityAndCoverage", generated, reference, atLeast: neighbours + 1)
        self.neighbours = neighbours
        let radii = try reference.squaredRadii(neighbours)
        var inside = 0
        var isCovered = [Bool](repeating: false, count: reference.count)
        try PairwiseDistances(generated, reference).forEachStretch { _, first, squares in
            for (column, square) in zip(first..., squares) where square < radii[column] {
                inside += 1
                isCovered[column] = true
            }
        }
        density = Double(inside) / Double(neighbours * generated.count)
        coverage = Double(isCovered.count { $0 }) / Double(reference.count)
    }
}
