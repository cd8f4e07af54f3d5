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
    private let layers: [Layer]
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
        layers = (0..<configuration.layers).map { Layer(configuration, in: model["encoder"]["layers"][$0]) }
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

extension CLIPTextModel {
    /// Causal self-attention and a feed-forward network, each after layer normalisation and with the input added back.
    private struct Layer {
        private let norm1: LayerNorm
        private let queries: Linear
        private let keys: Linear
        private let values: Linear
        private let output: Linear
        private let norm2: LayerNorm
        private let expansion: Linear
        private let contraction: Linear
        private let heads: Int
        private let activation: Activation

        init(_ configuration: Configuration, in scope: ParameterScope) {
            let (width, inner) = (configuration.width, configuration.feedForwardWidth)
            let epsilon = Float(configuration.normalizationEpsilon)
            let attention = scope["self_attn"]
            heads = configuration.heads
            activation = configuration.activation.function
            norm1 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm1"])
            queries = Linear(inputs: width, outputs: width, in: attention["q_proj"])
            keys = Linear(inputs: width, outputs: width, in: attention["k_proj"])
            values = Linear(inputs: width, outputs: width, in: attention["v_proj"])
            output = Linear(inputs: width, outputs: width, in: attention["out_proj"])
            norm2 = LayerNorm(width: width, epsilon: epsilon, in: scope["layer_norm2"])
            expansion = Linear(inputs: width, outputs: inner, in: scope["mlp"]["fc1"])
            contraction = Linear(inputs: inner, outputs: width, in: scope["mlp"]["fc2"])
        }

        func callAsFunction(_ input: Variable) -> Variable {
            let normalized = norm1(input)
            let attended = queries(normalized).attention(
                keys: keys(normalized), values: values(normalized), heads: heads, isCausal: true)
            let hidden = output(attended, adding: input)
            return contraction(expansion(norm2(hidden)).activated(activation), adding: hidden)
        }
    }
}
