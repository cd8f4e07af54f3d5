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
    private let entrance: Projection
    private let blocks: [BasicTransformerBlock]
    private let exit: Projection

    init(
        channels: Int, shape: TransformerShape, groups: Int, usesLinearProjection: Bool, in scope: ParameterScope
    ) {
        norm = GroupNorm(channels: channels, groups: groups, epsilon: 1e-6, in: scope["norm"])
        entrance = Projection(channels: channels, isLinear: usesLinearProjection, in: scope["proj_in"])
        blocks = (0..<shape.layers).map { index in
            BasicTransformerBlock(
                channels: channels, heads: shape.heads, textWidth: shape.textWidth,
                in: scope["transformer_blocks"][index])
        }
        exit = Projection(channels: channels, isLinear: usesLinearProjection, in: scope["proj_out"])
    }

    /// `[batch, height, width, channels]` → the shape of the input, repeated if the text is for several times as many samples.
    func callAsFunction(_ input: Variable, text: PromptContext) -> Variable {
        let map = input.shape
        var hidden = entrance(norm(input)).reshaped(to: [map[0], map[1] * map[2], map[3]])
        for block in blocks { hidden = block(hidden, text: text) }
        let repeats = hidden.shape[0] / map[0]
        return exit(hidden.reshaped(to: [hidden.shape[0]] + map.dropFirst()), adding: input.repeated(repeats))
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
