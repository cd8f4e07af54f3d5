import Autograd
import Tensor

extension AutoencoderKL {
    /// The precision of the innermost block, with its resampling, of the middle block, and of the convolutions at both ends: Float32 at
    /// ``MatmulPrecision/high``. Errors add up by layer, whatever its size, and these are over four in ten of the layers of Stable
    /// Diffusion's decoder, but an eighth of its work.
    static var innermostPrecision: MatmulPrecision {
        let precision = MatmulPrecision.current
        return precision == .high ? .highest : precision
    }

    /// Maps images to the mean and log-variance of their latents: twice the latent channels.
    struct Encoder {
        private let inputConvolution: Conv2d
        private let blocks: [EncoderBlock]
        private let midBlock: MidBlock
        private let outputNorm: GroupNorm
        private let outputConvolution: Conv2d
        private let style: BlockStyle

        init(_ configuration: Configuration, in scope: ParameterScope) {
            let widths = configuration.blockChannels
            let innermost = widths[widths.count - 1]
            style = configuration.style
            inputConvolution = Conv2d(
                inputs: configuration.inputChannels, outputs: widths[0], kernelSize: 3, padding: .init(1),
                in: scope["conv_in"])
            blocks = widths.indices.map { EncoderBlock(index: $0, of: configuration, in: scope["down_blocks"][$0]) }
            midBlock = MidBlock(channels: innermost, configuration, in: scope["mid_block"])
            outputNorm = GroupNorm(
                channels: innermost, groups: style.groups, epsilon: style.epsilon, in: scope["conv_norm_out"])
            outputConvolution = Conv2d(
                inputs: innermost, outputs: 2 * configuration.latentChannels, kernelSize: 3, padding: .init(1),
                in: scope["conv_out"])
        }

        func callAsFunction(_ pictures: Variable) -> Variable {
            let precision = innermostPrecision
            var hidden = precision.within { inputConvolution(pictures) }
            for block in blocks.dropLast() { hidden = block(hidden) }
            return precision.within {
                let features = midBlock(blocks[blocks.count - 1](hidden))
                return outputConvolution(outputNorm(features, activation: style.activation))
            }
        }
    }

    /// Maps latents to images.
    struct Decoder {
        private let inputConvolution: Conv2d
        private let midBlock: MidBlock
        private let blocks: [DecoderBlock]
        private let outputNorm: GroupNorm
        private let outputConvolution: Conv2d
        private let style: BlockStyle

        init(_ configuration: Configuration, in scope: ParameterScope) {
            let widths = Array(configuration.blockChannels.reversed())
            let outermost = widths[widths.count - 1]
            style = configuration.style
            inputConvolution = Conv2d(
                inputs: configuration.latentChannels, outputs: widths[0], kernelSize: 3, padding: .init(1),
                in: scope["conv_in"])
            midBlock = MidBlock(channels: widths[0], configuration, in: scope["mid_block"])
            blocks = widths.indices.map { DecoderBlock(index: $0, of: configuration, in: scope["up_blocks"][$0]) }
            outputNorm = GroupNorm(
                channels: outermost, groups: style.groups, epsilon: style.epsilon, in: scope["conv_norm_out"])
            outputConvolution = Conv2d(
                inputs: outermost, outputs: configuration.outputChannels, kernelSize: 3, padding: .init(1),
                in: scope["conv_out"])
        }

        func callAsFunction(_ latents: Variable) -> Variable {
            let precision = innermostPrecision
            var hidden = precision.within { blocks[0](midBlock(inputConvolution(latents))) }
            for block in blocks.dropFirst() { hidden = block(hidden) }
            let features = outputNorm(hidden, activation: style.activation)
            return precision.within { outputConvolution(features) }
        }
    }
}

extension AutoencoderKL {
    /// `DownEncoderBlock2D`: residual blocks, then 2× downsampling in all but the innermost.
    struct EncoderBlock {
        private let resnets: [ResnetBlock2D]
        private let downsampler: Downsample2D?

        init(index: Int, of configuration: Configuration, in scope: ParameterScope) {
            let widths = configuration.blockChannels
            let outputs = widths[index]
            resnets = (0..<configuration.layersPerBlock).map { layer in
                ResnetBlock2D(
                    inputs: layer == 0 ? widths[max(index - 1, 0)] : outputs, outputs: outputs, timeWidth: nil,
                    style: configuration.style, in: scope["resnets"][layer])
            }
            downsampler =
                index == widths.count - 1
                ? nil : Downsample2D(channels: outputs, padding: 0, in: scope["downsamplers"][0])
        }

        func callAsFunction(_ input: Variable) -> Variable {
            let hidden = resnets.reduce(input) { $1($0) }
            return downsampler?(hidden) ?? hidden
        }
    }

    /// `UpDecoderBlock2D`: residual blocks, then 2× upsampling in all but the outermost.
    struct DecoderBlock {
        private let resnets: [ResnetBlock2D]
        private let upsampler: Upsample2D?

        /// `index` counts from the innermost block.
        init(index: Int, of configuration: Configuration, in scope: ParameterScope) {
            let widths = Array(configuration.blockChannels.reversed())
            let outputs = widths[index]
            resnets = (0...configuration.layersPerBlock).map { layer in
                ResnetBlock2D(
                    inputs: layer == 0 ? widths[max(index - 1, 0)] : outputs, outputs: outputs, timeWidth: nil,
                    style: configuration.style, in: scope["resnets"][layer])
            }
            upsampler =
                index == widths.count - 1 ? nil : Upsample2D(channels: outputs, in: scope["upsamplers"][0])
        }

        func callAsFunction(_ input: Variable) -> Variable {
            let hidden = resnets.reduce(input) { $1($0) }
            return upsampler?(hidden) ?? hidden
        }
    }

    /// `UNetMidBlock2D`: single-head self-attention between two residual blocks.
    struct MidBlock {
        private let resnets: [ResnetBlock2D]
        private let attention: SpatialAttention?

        init(channels: Int, _ configuration: Configuration, in scope: ParameterScope) {
            resnets = (0..<2).map { layer in
                ResnetBlock2D(
                    inputs: channels, outputs: channels, timeWidth: nil, style: configuration.style,
                    in: scope["resnets"][layer])
            }
            attention =
                configuration.hasMidBlockAttention
                ? SpatialAttention(channels: channels, style: configuration.style, in: scope["attentions"][0]) : nil
        }

        func callAsFunction(_ input: Variable) -> Variable {
            let hidden = resnets[0](input)
            return resnets[1](attention?(hidden) ?? hidden)
        }
    }

    /// Self-attention over all pixels, with group normalisation before it and a residual connection.
    struct SpatialAttention {
        private let norm: GroupNorm
        private let attention: Attention

        init(channels: Int, style: BlockStyle, in scope: ParameterScope) {
            norm = GroupNorm(channels: channels, groups: style.groups, epsilon: style.epsilon, in: scope["group_norm"])
            attention = Attention(channels: channels, context: channels, heads: 1, hasBias: true, in: scope)
        }

        func callAsFunction(_ input: Variable) -> Variable {
            let map = input.shape
            let sequence = [map[0], map[1] * map[2], map[3]]
            let pixels = norm(input).reshaped(to: sequence)
            return attention(pixels, context: pixels, adding: input.reshaped(to: sequence)).reshaped(to: map)
        }
    }
}
