import Tensor

/// Two networks that bring texts and pictures into one space, where what belongs together points the same way.
public protocol TextPictureAlignment {
    /// What reports call it, with all settings that change its numbers.
    var name: String { get }
    /// The network that looks at pictures.
    var pictureNetwork: any FeatureNetwork { get }
    /// The network's features, `[pictures, its width]` → `[pictures, width]`.
    func pictureEmbeddings(_ features: Tensor) -> Tensor
    /// Captions → `[captions, width]`.
    func textEmbeddings(_ captions: [String]) -> Tensor
}

/// How well pictures fit their captions: the mean cosine between the embeddings of each pair.
public struct AlignmentScore: Sendable, Equatable {
    /// In −1…1; papers that report about 30 multiply by 100.
    public let mean: Double
    /// How many pairs.
    public let count: Int

    /// The score of pictures' features, a caption each.
    ///
    /// Throws ``EvaluationError`` for another number of captions, or features of another width.
    public init(_ features: Features, captions: [String], by alignment: any TextPictureAlignment) throws {
        let cosines = try alignment.cosines(features, captions)
        (mean, count) = (cosines.reduce(0, +) / Double(cosines.count), cosines.count)
    }
}

/// How often a caption finds its picture among others: the share whose own picture is amongst the k most similar.
public struct RetrievalScore: Sendable, Equatable {
    /// For each caption, how many pictures are more similar to it than its own.
    public let ranks: [Int]

    /// The ranks of the first `captions.count` pictures, each the one that the caption of its number should find among all.
    ///
    /// Throws ``EvaluationError`` for more captions than pictures.
    public init(_ features: Features, captions: [String], by alignment: any TextPictureAlignment) throws {
        guard !captions.isEmpty, captions.count <= features.count else {
            throw EvaluationError.unsuitableFeatures(
                metric: "RetrievalScore", expected: "1 to \(features.count) captions", found: "\(captions.count)")
        }
        let pictures = alignment.pictureEmbeddings(features.tensor(0..<features.count)).normalizedRows()
        let texts = alignment.textEmbeddings(captions).normalizedRows()
        let (count, cosines) = (features.count, texts.matmul(pictures, transposingOther: true).scalars)
        ranks = captions.indices.map { row in
            let own = cosines[row * count + row]
            return cosines[row * count..<(row + 1) * count].count { $0 > own }
        }
    }

    /// R@k.
    public func share(within k: Int) -> Double { Double(ranks.count { $0 < k }) / Double(ranks.count) }
}

extension TextPictureAlignment {
    func cosines(_ features: Features, _ captions: [String]) throws -> [Double] {
        guard features.count == captions.count, features.width == pictureNetwork.width else {
            throw EvaluationError.unsuitableFeatures(
                metric: name, expected: "\(captions.count) feature vectors of \(pictureNetwork.width), a caption each",
                found: "\(features.count) of \(features.width)")
        }
        // Large text encoders take megabytes a caption.
        return stride(from: 0, to: captions.count, by: 64).flatMap { start in
            let range = start..<min(start + 64, captions.count)
            let pictures = pictureEmbeddings(features.tensor(range)).normalizedRows()
            let texts = textEmbeddings(Array(captions[range])).normalizedRows()
            return (pictures * texts).sum(alongAxes: [1]).scalars.map(Double.init)
        }
    }
}

extension Tensor {
    /// Each row of a matrix divided by its length; a row of zeros stays one.
    func normalizedRows() -> Tensor {
        let squares = squared().sum(alongAxes: [1], keepingDimensions: true)
        return self / (squares + 1e-24).squareRoot()
    }
}
