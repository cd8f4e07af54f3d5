import Autograd
import Tensor

/// A feature map read as a sequence of pixels by transformer blocks, with the input added back.
struct Transformer2DModel {
    private enum Projection {
        case linear(Linear)
        case convolution(Conv2d)

        init(channels: Int, isLinear: Bool, in scope: ParameterScope) {
            self =
                isLinear
                ? .linear(Linear(inputs: channels, outputs: channels, in: scope))
                : .convolution(
                    Conv2d(inputs: channels, outputs: channels, kernelSize: 1, padding: .init(0), in: scope))
        }

        /// Channels lie last, so both kinds act alike on each pixel.
        func callAsFunction(_ map: Variable, adding addend: Variable? = nil) -> Variable {
            switch self {
            case .linear(let layer): layer(map, adding: addend)
            case .convolution(let layer): layer(map, adding: addend)
            }
        }
    }

    private let norm: GroupNorm
    private let input: Projection
    private let blocks: [BasicTransformerBlock]
    private let output: Projection

    init(
        channels: Int, shape: TransformerShape, groups: Int, usesLinearProjection: Bool, in scope: ParameterScope
    ) {
        norm = GroupNorm(channels: channels, groups: groups, epsilon: 1e-6, in: scope["norm"])
        input = Projection(channels: channels, isLinear: usesLinearProjection, in: scope["proj_in"])
        blocks = (0..<shape.layers).map { index in
            BasicTransformerBlock(
                channels: channels, heads: shape.heads, textWidth: shape.textWidth,
                in: scope["transformer_blocks"][index])
        }
        output = Projection(channels: channels, isLinear: usesLinearProjection, in: scope["proj_out"])
    }

    /// `[batch, height, width, channels]` → the shape of the input, repeated if the text is for several times as many samples.
    func callAsFunction(_ input: Variable, text: TextInput) -> Variable {
        let map = input.shape
        var hidden = self.input(norm(input)).reshaped(to: [map[0], map[1] * map[2], map[3]])
        for block in blocks { hidden = block(hidden, text: text) }
        let repeats = hidden.shape[0] / map[0]
        return output(hidden.reshaped(to: [hidden.shape[0]] + map.dropFirst()), adding: input.repeated(repeats))
    }
}

/// The size of the transformers in one block of the network.
struct TransformerShape {
    /// Transformer blocks in each.
    let layers: Int
    /// Attention heads.
    let heads: Int
    /// The width of the text embeddings.
    let textWidth: Int
}

/// Self-attention, attention to the text, and a GEGLU feed-forward network, each after layer normalisation and with the
/// input added back.
struct BasicTransformerBlock {
    private let norm1: LayerNorm
    private let selfAttention: Attention
    private let norm2: LayerNorm
    private let crossAttention: Attention
    private let norm3: LayerNorm
    private let feedForward: FeedForward

    init(channels: Int, heads: Int, textWidth: Int, in scope: ParameterScope) {
        norm1 = LayerNorm(width: channels, epsilon: 1e-5, in: scope["norm1"])
        selfAttention = Attention(channels: channels, context: channels, heads: heads, in: scope["attn1"])
        norm2 = LayerNorm(width: channels, epsilon: 1e-5, in: scope["norm2"])
        crossAttention = Attention(channels: channels, context: textWidth, heads: heads, in: scope["attn2"])
        norm3 = LayerNorm(width: channels, epsilon: 1e-5, in: scope["norm3"])
        feedForward = FeedForward(channels: channels, in: scope["ff"])
    }

    /// `[batch, positions, channels]`, repeated if the text is for several times as many samples.
    func callAsFunction(_ input: Variable, text: TextInput) -> Variable {
        let normalized = norm1(input)
        let attended = selfAttention(normalized, context: normalized, adding: input)
            .repeated(text.batch / input.shape[0])
        let conditioned = crossAttention(
            norm2(attended), context: text.embeddings, rows: text.rows, avoiding: text.avoided, adding: attended)
        return feedForward(norm3(conditioned), adding: conditioned)
    }
}

/// Multi-head attention with projections; queries come from one sequence, keys and values from another.
struct Attention {
    private let queries: Linear
    private let keys: Linear
    private let values: Linear
    private let output: Linear
    private let heads: Int

    init(channels: Int, context: Int, heads: Int, hasBias: Bool = false, in scope: ParameterScope) {
        queries = Linear(inputs: channels, outputs: channels, hasBias: hasBias, in: scope["to_q"])
        keys = Linear(inputs: context, outputs: channels, hasBias: hasBias, in: scope["to_k"])
        values = Linear(inputs: context, outputs: channels, hasBias: hasBias, in: scope["to_v"])
        output = Linear(inputs: channels, outputs: channels, in: scope["to_out"][0])
        self.heads = heads
    }

    /// Sample i attends to sample `rows[i]` of the context, without `rows` to its own. All samples avoid the same text, if there is one.
    func callAsFunction(
        _ input: Variable, context: Variable, rows: [Int]? = nil, avoiding avoided: AvoidedText? = nil,
        adding addend: Variable
    ) -> Variable {
        let queries = queries(input)
        func attended(to context: Variable, _ rows: [Int]?) -> Variable {
            queries.attention(keys: keys(context), values: values(context), heads: heads, keyRows: rows)
        }
        let positive = attended(to: context, rows)
        guard let avoided else { return output(positive, adding: addend) }
        let negative = attended(to: avoided.tokens, Array(repeating: 0, count: input.shape[0]))
        return output(avoided.guidance.guided(positive, awayFrom: negative), adding: addend)
    }
}

/// A linear layer to eight times the width, gated by its second half (GEGLU), and a linear layer back.
private struct FeedForward {
    private let expansion: Linear
    private let output: Linear

    init(channels: Int, in scope: ParameterScope) {
        expansion = Linear(inputs: channels, outputs: 8 * channels, in: scope["net"][0]["proj"])
        output = Linear(inputs: 4 * channels, outputs: channels, in: scope["net"][2])
    }

    func callAsFunction(_ input: Variable, adding addend: Variable) -> Variable {
        output(expansion(input).geglu(), adding: addend)
    }
}
