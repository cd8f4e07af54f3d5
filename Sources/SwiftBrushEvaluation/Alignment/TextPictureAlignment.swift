import Tensor

/// Two networks that embed texts and pictures in a joint space, in which matching pairs have similar directions.
public protocol TextPictureAlignment: Sendable {
    /// The name in reports, with all settings that affect the scores.
    var name: String { get }
    /// The network that computes the pictures' features.
    var pictureNetwork: any FeatureNetwork { get }
    /// Embeds features of ``pictureNetwork``, `[pictures, its width]` → `[pictures, width]`.
    func pictureEmbeddings(_ features: Tensor) -> Tensor
    /// Embeds captions → `[captions, width]`.
    func textEmbeddings(_ captions: [String]) -> Tensor
}

/// How well pictures match their captions: the mean cosine similarity of each pair's embeddings.
public struct AlignmentScore: Sendable, Equatable {
    /// The mean cosine similarity, in −1…1; papers that report about 30 multiply it by 100.
    public let mean: Double
    /// The number of pairs.
    public let count: Int

    /// Computes the score of pictures' features with one caption per picture.
    ///
    /// Throws ``EvaluationError`` for a different number of captions, or features of another width.
    public init(_ features: Features, captions: [String], by alignment: any TextPictureAlignment) throws {
        let cosines = try alignment.cosines(features, captions)
        (mean, count) = (cosines.reduce(0, +) / Double(cosines.count), cosines.count)
    }
}

/// The recall of text-to-image retrieval: the share of captions whose own picture is among the k most similar ones.
public struct RetrievalScore: Sendable, Equatable {
    /// For each caption, the number of pictures that are more similar to it than its own.
    public let ranks: [Int]

    /// Ranks all pictures by their similarity to each caption; the first `captions.count` pictures belong to the captions, in order.
    ///
    /// Throws ``EvaluationError`` for more captions than pictures, and features of another width.
    public init(_ features: Features, captions: [String], by alignment: any TextPictureAlignment) throws {
        guard !captions.isEmpty, captions.count <= features.count else {
            throw EvaluationError.unsuitableFeatures(
                metric: "RetrievalScore", expected: "1 to \(features.count) captions", found: "\(captions.count)")
        }
        let (pictures, texts) = try alignment.embeddings(features, 0..<features.count, captions)
        let (count, cosines) = (features.count, texts.matmul(pictures, transposingOther: true).scalars)
        ranks = captions.indices.map { row in
            let own = cosines[row * count + row]
            return cosines[row * count..<(row + 1) * count].count { $0 > own }
        }
    }

    /// The recall at k, R@k.
    public func share(within k: Int) -> Double { Double(ranks.count { $0 < k }) / Double(ranks.count) }
}

extension TextPictureAlignment {
    func cosines(_ features: Features, _ captions: [String]) throws -> [Double] {
        guard !captions.isEmpty, features.count == captions.count, features.width == pictureNetwork.width else {
            throw EvaluationError.unsuitableFeatures(
                metric: name,
                expected: "\(max(captions.count, 1)) feature vectors of \(pictureNetwork.width), one per caption",
                found: "\(features.count) of \(features.width)")
        }
        // Large text encoders need megabytes per caption.
        return try stride(from: 0, to: captions.count, by: 64).flatMap { start in
            let range = start..<min(start + 64, captions.count)
            let (pictures, texts) = try embeddings(features, range, Array(captions[range]))
            return (pictures * texts).sum(alongAxes: [1]).scalars.map(Double.init)
        }
    }

    /// The embeddings of pictures and captions, each row of length 1. Throws ``EvaluationError`` for features of another width, and unless
    /// the embeddings are `[pictures, width]` and `[captions, width]`.
    fileprivate func embeddings(
        _ features: Features, _ range: Range<Int>, _ captions: [String]
    ) throws -> (pictures: Tensor, texts: Tensor) {
        guard features.width == pictureNetwork.width else {
            throw EvaluationError.unsuitableFeatures(
                metric: name, expected: "features of width \(pictureNetwork.width)", found: "\(features.width)")
        }
        let (pictures, texts) = (pictureEmbeddings(features.tensor(range)), textEmbeddings(captions))
        guard pictures.rank == 2, texts.rank == 2, pictures.shape == [range.count, texts.shape[1]],
            texts.shape[0] == captions.count
        else {
            throw EvaluationError.unsuitableFeatures(
                metric: name, expected: "embeddings [\(range.count), width] and [\(captions.count), width]",
                found: "\(pictures.shape) and \(texts.shape)")
        }
        return (pictures.normalizedRows(), texts.normalizedRows())
    }
}

extension Tensor {
    /// Each row of a matrix divided by its Euclidean norm; a row of zeros stays zero.
    func normalizedRows() -> Tensor {
        let squares = squared().sum(alongAxes: [1], keepingDimensions: true)
        return self / (squares + 1e-24).squareRoot()
    }
}
