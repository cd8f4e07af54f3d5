import DiffusionModels
import Foundation
import Tensor

/// A substitute for the CLIP score on small pictures with a closed vocabulary: one vector per word, summed over a caption's words,
/// and a linear map of EfficientNet-Lite0's features, trained so that the embeddings of real pictures and their captions align.
///
/// It covers only the words and pictures on which it was trained and ignores word order; its score is not a CLIP score. It must be
/// trained on real pictures only, never on images that it evaluates.
public struct SmallPictureAlignment: TextPictureAlignment {
    /// The name in reports.
    public let name = "bag of words + EfficientNet-Lite0"
    /// The network that computes the pictures' features.
    public let pictureNetwork: any FeatureNetwork
    let bag: BagOfWords
    /// The word vectors, `[words, width]`.
    let wordVectors: Tensor
    /// The weight of the linear map, `[width, features]`.
    let pictureWeight: Tensor
    /// The bias of the linear map, `[width]`.
    let pictureBias: Tensor

    init(network: any FeatureNetwork, bag: BagOfWords, wordVectors: Tensor, pictureWeight: Tensor, pictureBias: Tensor)
    {
        (pictureNetwork, self.bag, self.wordVectors) = (network, bag, wordVectors)
        (self.pictureWeight, self.pictureBias) = (pictureWeight, pictureBias)
    }

    /// EfficientNet-Lite0's features → `[pictures, width]`.
    public func pictureEmbeddings(_ features: Tensor) -> Tensor {
        features.linear(weight: pictureWeight, bias: pictureBias)
    }

    /// Captions → `[captions, width]`; zeros for a caption without a word of the vocabulary.
    public func textEmbeddings(_ captions: [String]) -> Tensor {
        bag.matrix(captions.map(bag.numbers(in:))).matmul(wordVectors)
    }

    /// The words of the captions that are not in the vocabulary, without duplicates.
    public func unknownWords(in captions: [String]) -> [String] { bag.unknownWords(in: captions) }
}

extension SmallPictureAlignment {
    private enum Key {
        static let wordVectors = "words.weight"
        static let pictureWeight = "pictures.weight"
        static let pictureBias = "pictures.bias"
        static let words = "words"
    }

    /// Reads a file that ``save(to:metadata:)`` wrote.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - network: the network whose features it was trained on.
    ///
    /// Throws `SafetensorsError`, and ``EvaluationError`` for a file with other contents.
    public init(contentsOf url: URL, network: any FeatureNetwork) throws {
        let file = try SafetensorsFile(contentsOf: url)
        guard let list = file.metadata[Key.words],
            let words = try? JSONDecoder().decode([String].self, from: Data(list.utf8))
        else {
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "the words of a text-picture alignment", found: "no list of words")
        }
        let (vectors, weight) = (try file.tensor(Key.wordVectors), try file.tensor(Key.pictureWeight))
        let bias = try file.tensor(Key.pictureBias)
        guard vectors.rank == 2, vectors.shape[0] == words.count, weight.shape == [vectors.shape[1], network.width],
            bias.shape == [vectors.shape[1]], [vectors, weight, bias].allSatisfy({ $0.nonFiniteCount() == 0 })
        else {
            throw EvaluationError.unsuitableContents(
                path: url.path,
                expected: "finite word vectors [\(words.count), width] and a picture weight [width, \(network.width)]",
                found: "\(vectors.shape), \(weight.shape) and a bias \(bias.shape)")
        }
        self.init(
            network: network, bag: BagOfWords(words), wordVectors: vectors, pictureWeight: weight, pictureBias: bias)
    }

    /// Writes the words and weights, in Float16. Throws what `Safetensors.write` throws.
    public func save(to url: URL, metadata: [String: String] = [:]) throws {
        let list = String(decoding: try JSONEncoder().encode(bag.words), as: UTF8.self)
        try Safetensors.write(
            [(Key.wordVectors, wordVectors), (Key.pictureWeight, pictureWeight), (Key.pictureBias, pictureBias)],
            scalarType: .float16, metadata: metadata.merging([Key.words: list]) { $1 }, to: url)
    }
}
