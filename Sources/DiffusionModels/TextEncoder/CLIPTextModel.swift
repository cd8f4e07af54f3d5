import Autograd
import Tensor

/// The text encoder of CLIP (arXiv 2103.00020): a causal transformer over tokens, as transformers' class of this name has
/// it.
public struct CLIPTextModel {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under transformers' keys with the prefix `text_model.`.
    public let parameters: ParameterSet

    private let tokenEmbedding: Embedding
    private let positionEmbedding: Embedding
    private let layers: [CLIPEncoderLayer]
    private let finalNorm: LayerNorm

    /// Declares the network's parameters in `scope`, or finds them there.
    public init(_ configuration: Configuration, in scope: ParameterScope) {
        self.configuration = configuration
        parameters = scope.parameters
        let model = scope["text_model"]
        let (width, embeddings) = (configuration.width, model["embeddings"])
        tokenEmbedding = Embedding(
            count: configuration.vocabularySize, width: width, in: embeddings["token_embedding"])
        positionEmbedding = Embedding(
            count: configuration.maximumPositions, width: width, in: embeddings["position_embedding"])
        layers = (0..<configuration.layers).map {
            CLIPEncoderLayer(
                width: width, feedForwardWidth: configuration.feedForwardWidth, heads: configuration.heads,
                activation: configuration.activation, epsilon: Float(configuration.normalizationEpsilon),
                isCausal: true,
                in: model["encoder"]["layers"][$0])
        }
        finalNorm = LayerNorm(
            width: width, epsilon: Float(configuration.normalizationEpsilon), in: model["final_layer_norm"])
    }

    /// The last hidden state after the final normalisation, `[prompts, tokens, width]`.
    ///
    /// - Parameter tokens: the prompts' token ids, all equally many and at most ``Configuration/maximumPositions``.
    public func callAsFunction(_ tokens: [[Int]]) -> Variable {
        let length = tokens.first?.count ?? 0
        precondition(
            tokens.allSatisfy { $0.count == length } && (1...configuration.maximumPositions).contains(length),
            "CLIPTextModel: expected 1 to \(configuration.maximumPositions) tokens a prompt, equally many, found "
                + "\(tokens.map(\.count))")
        let width = configuration.width
        let words = tokenEmbedding(tokens.flatMap { $0 }).reshaped(to: [tokens.count, length, width])
        let positions = positionEmbedding(Array(0..<length)).reshaped(to: [1, length, width])
        return finalNorm(layers.reduce(words + positions) { $1($0) })
    }
}
