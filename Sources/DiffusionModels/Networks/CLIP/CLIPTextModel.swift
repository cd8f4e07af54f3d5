import Autograd
import Tensor

/// The text encoder of CLIP (arXiv 2103.00020), a causal transformer over tokens; transformers' class of the same name.
public struct CLIPTextModel: Sendable {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under transformers' keys with the prefix `text_model.`.
    public let parameters: ParameterSet

    /// Embeddings of tokens added after the vocabulary, `[tokens, width]`, such as a ``TextualInversion``; nil for none.
    public internal(set) var addedEmbeddings: Tensor?

    private let tokenEmbedding: Embedding
    private let positionEmbedding: Embedding
    private let layers: [CLIPEncoderLayer]
    private let finalNorm: LayerNorm
    private let projection: Linear?

    /// Declares the network's parameters in `scope`, or reuses those declared there.
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
        projection =
            configuration.hasProjection
            ? Linear(
                inputs: width, outputs: configuration.projectionWidth, hasBias: false, in: scope["text_projection"])
            : nil
    }

    /// The same network over a copy of the weights that can be changed.
    func copy() -> CLIPTextModel {
        var copy = CLIPTextModel(configuration, in: parameters.copy(trainable: false).scope)
        copy.addedEmbeddings = addedEmbeddings
        return copy
    }

    /// The ids that have an embedding.
    public var tokenRange: Range<Int> { 0..<configuration.vocabularySize + (addedEmbeddings?.shape[0] ?? 0) }

    /// Throws ``ModelError`` unless every id has an embedding, and all prompts have the same number of tokens, at most the number of
    /// positions.
    public func check(_ tokens: [[Int]]) throws {
        func invalid(_ expected: String, _ found: String) -> ModelError {
            .invalidArgument(operation: "CLIPTextModel", argument: "tokens", expected: expected, found: found)
        }
        if let id = tokens.joined().first(where: { !tokenRange.contains($0) }) {
            throw invalid("ids from 0 to \(tokenRange.upperBound - 1)", "\(id)")
        }
        let length = tokens.first?.count ?? 0
        guard tokens.allSatisfy({ $0.count == length }), (1...configuration.maximumPositions).contains(length) else {
            throw invalid(
                "1 to \(configuration.maximumPositions) tokens per prompt, equally many",
                "\(Set(tokens.map(\.count)).sorted())")
        }
    }

    /// A hidden state after the final normalisation, `[prompts, tokens, width]`.
    ///
    /// - Parameters:
    ///   - tokens: the prompts' token ids, for which ``check(_:)`` holds.
    ///   - skippedLayers: how many of the last layers are skipped: 0 for the last hidden state, at most all of them.
    public func callAsFunction(_ tokens: [[Int]], skippingLast skippedLayers: Int = 0) -> Variable {
        let layers = layers(skippingLast: skippedLayers)
        return finalNorm(layers.reduce(embeddings(of: tokens)) { $1($0) })
    }

    /// A hidden state before the final normalisation, `[prompts, tokens, width]`, as Stable Diffusion XL reads it; and with
    /// ``Configuration/hasProjection`` the pooled embedding, `[prompts, projection width]`: the projected state of the end token after all
    /// layers and the normalisation.
    ///
    /// - Parameters:
    ///   - tokens: the prompts' token ids, for which ``check(_:)`` holds.
    ///   - skippedLayers: how many of the last layers are skipped for the hidden state; 1 for the penultimate state.
    public func unnormalized(
        _ tokens: [[Int]], skippingLast skippedLayers: Int
    ) -> (hidden: Variable, pooled: Variable?) {
        let hidden = layers(skippingLast: skippedLayers).reduce(embeddings(of: tokens)) { $1($0) }
        guard let projection else { return (hidden, nil) }
        let last = layers.suffix(skippedLayers).reduce(hidden) { $1($0) }
        let length = tokens[0].count
        let rows = tokens.enumerated().map { $0 * length + endPosition(in: $1) }
        let ends = last.reshaped(to: [tokens.count * length, configuration.width]).gathered(rows: rows)
        return (hidden, projection(finalNorm(ends)))
    }

    /// The position whose state is pooled, as in transformers; tokens that were added after the vocabulary do not count.
    private func endPosition(in tokens: [Int]) -> Int {
        if configuration.endToken != 2 { return tokens.firstIndex(of: configuration.endToken) ?? 0 }
        let largest = tokens.filter { $0 < configuration.vocabularySize }.max() ?? 0
        return tokens.firstIndex(of: largest) ?? 0
    }

    private func layers(skippingLast skippedLayers: Int) -> ArraySlice<CLIPEncoderLayer> {
        require(
            (0...layers.count).contains(skippedLayers),
            "CLIPTextModel: expected 0 to \(layers.count) layers to skip, found \(skippedLayers)")
        return layers.dropLast(skippedLayers)
    }

    /// The input of the first layer, `[prompts, tokens, width]`.
    private func embeddings(of tokens: [[Int]]) -> Variable {
        let length = tokens.first?.count ?? 0
        require(
            tokens.allSatisfy { $0.count == length } && (1...configuration.maximumPositions).contains(length),
            "CLIPTextModel: expected 1 to \(configuration.maximumPositions) tokens per prompt, equally many, found "
                + "\(tokens.map(\.count))")
        let width = configuration.width
        let words = embeddings(of: tokens.flatMap { $0 }).reshaped(to: [tokens.count, length, width])
        let positions = positionEmbedding(Array(0..<length)).reshaped(to: [1, length, width])
        return words + positions
    }

    /// The embeddings of ids, `[ids, width]`, from the vocabulary's table and the added one.
    private func embeddings(of ids: [Int]) -> Variable {
        let added = ids.filter { $0 >= configuration.vocabularySize }
        guard !added.isEmpty, let addedEmbeddings else { return tokenEmbedding(ids) }
        let known = tokenEmbedding(ids.filter { $0 < configuration.vocabularySize })
        let new = Variable(addedEmbeddings.gathered(rows: added.map { $0 - configuration.vocabularySize }))
        var (nextKnown, nextNew) = (0, ids.count - added.count)
        let order = ids.map { id in
            let isNew = id >= configuration.vocabularySize
            defer { if isNew { nextNew += 1 } else { nextKnown += 1 } }
            return isNew ? nextNew : nextKnown
        }
        return .concatenate([known, new], axis: 0).gathered(rows: order)
    }
}
