import Autograd
import Tensor

/// What flows beside the feature map through every block.
struct BlockContext {
    /// The activated timestep embedding, `[batch, width]`.
    let time: Variable
    /// The text embeddings, for the batch or several times as many samples: then it is repeated where it first attends to them.
    let text: PromptContext
    /// Whether residual blocks and transformers keep no intermediates and run again in the backward pass.
    let recomputes: Bool

    func run(_ block: ResnetBlock2D, on input: Variable) -> Variable {
        let time = time.repeated(input.shape[0] / time.shape[0])
        guard recomputes else { return block(input, time: time) }
        return checkpoint([input, time]) { block($0[0], time: $0[1]) }
    }

    func run(_ transformer: Transformer2DModel, on input: Variable) -> Variable {
        guard recomputes else { return transformer(input, text: text) }
        return checkpoint([input, text.embeddings]) { transformer($0[0], text: text.with($0[1])) }
    }
}

/// `DownBlock2D`, or `CrossAttnDownBlock2D` if it has transformers: residual blocks at one resolution, then a halving.
struct DownBlock2D {
    private let resnets: [ResnetBlock2D]
    private let attentions: [Transformer2DModel]
    private let downsampler: Downsample2D?

    init(index: Int, of configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        let outputs = configuration.blockChannels[index]
        let first = configuration.blockChannels[max(index - 1, 0)]
        let layers = configuration.layersPerBlock[index]
        resnets = (0..<layers).map { layer in
            ResnetBlock2D(
                inputs: layer == 0 ? first : outputs, outputs: outputs, timeWidth: configuration.timeWidth,
                style: configuration.style, in: scope["resnets"][layer])
        }
        let shape = TransformerShape(
            layers: configuration.transformerLayers[index], heads: configuration.headCounts[index],
            textWidth: configuration.crossAttentionWidths[index])
        let transformers = configuration.downBlockTypes[index] == .crossAttention ? layers : 0
        attentions = (0..<transformers).map { layer in
            configuration.transformer(channels: outputs, shape: shape, in: scope["attentions"][layer])
        }
        let isLast = index == configuration.blockChannels.count - 1
        downsampler =
            isLast
            ? nil
            : Downsample2D(
                channels: outputs, padding: configuration.downsamplePadding, in: scope["downsamplers"][0])
    }

    /// Every map on the way, for the skip connections; the last is the block's output.
    func callAsFunction(_ input: Variable, _ context: BlockContext) -> [Variable] {
        var hidden = input
        var maps: [Variable] = []
        for (layer, resnet) in resnets.enumerated() {
            hidden = context.run(resnet, on: hidden)
            if !attentions.isEmpty { hidden = context.run(attentions[layer], on: hidden) }
            maps.append(hidden)
        }
        if let downsampler { maps.append(downsampler(hidden)) }
        return maps
    }
}

/// `UNetMidBlock2DCrossAttn`: a transformer between two residual blocks.
struct UNetMidBlock2DCrossAttn {
    private let resnets: [ResnetBlock2D]
    private let attention: Transformer2DModel

    init(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        let last = configuration.blockChannels.count - 1
        let channels = configuration.blockChannels[last]
        resnets = (0..<2).map { layer in
            ResnetBlock2D(
                inputs: channels, outputs: channels, timeWidth: configuration.timeWidth, style: configuration.style,
                in: scope["resnets"][layer])
        }
        let shape = TransformerShape(
            layers: configuration.transformerLayers[last], heads: configuration.headCounts[last],
            textWidth: configuration.crossAttentionWidths[last])
        attention = configuration.transformer(channels: channels, shape: shape, in: scope["attentions"][0])
    }

    func callAsFunction(_ input: Variable, _ context: BlockContext) -> Variable {
        context.run(resnets[1], on: context.run(attention, on: context.run(resnets[0], on: input)))
    }
}

/// `UpBlock2D`, or `CrossAttnUpBlock2D` if it has transformers: residual blocks that also read the skip connections, then
/// a doubling.
struct UpBlock2D {
    private let resnets: [ResnetBlock2D]
    private let attentions: [Transformer2DModel]
    private let upsampler: Upsample2D?

    /// `index` counts from the innermost block.
    init(index: Int, of configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        let widths = Array(configuration.blockChannels.reversed())
        let outputs = widths[index]
        let below = widths[max(index - 1, 0)]
        let above = widths[min(index + 1, widths.count - 1)]
        let mirrored = widths.count - 1 - index
        let layers = configuration.layersPerBlock[mirrored] + 1
        resnets = (0..<layers).map { layer in
            let skip = layer == layers - 1 ? above : outputs
            return ResnetBlock2D(
                inputs: (layer == 0 ? below : outputs) + skip, outputs: outputs, timeWidth: configuration.timeWidth,
                style: configuration.style, in: scope["resnets"][layer])
        }
        let shape = TransformerShape(
            layers: configuration.transformerLayersUpwards[index], heads: configuration.headCounts[mirrored],
            textWidth: configuration.crossAttentionWidths[mirrored])
        let transformers = configuration.upBlockTypes[index] == .crossAttention ? layers : 0
        attentions = (0..<transformers).map { layer in
            configuration.transformer(channels: outputs, shape: shape, in: scope["attentions"][layer])
        }
        upsampler = mirrored == 0 ? nil : Upsample2D(channels: outputs, in: scope["upsamplers"][0])
    }

    /// Takes its skip connections from the end of `skips`.
    func callAsFunction(_ input: Variable, skips: inout [Variable], _ context: BlockContext) -> Variable {
        var hidden = input
        for (layer, resnet) in resnets.enumerated() {
            let skip = skips.removeLast()
            let repeated = skip.repeated(hidden.shape[0] / skip.shape[0])
            hidden = context.run(resnet, on: .concatenate([hidden, repeated], axis: 3))
            if !attentions.isEmpty { hidden = context.run(attentions[layer], on: hidden) }
        }
        guard let upsampler else { return hidden }
        let size = skips.last.map { LatentSize(height: $0.shape[1], width: $0.shape[2]) }
        return upsampler(hidden, size: size)
    }
}

extension UNet2DConditionModel.Configuration {
    /// What all residual blocks have in common.
    var style: BlockStyle {
        BlockStyle(
            groups: normalizationGroups, epsilon: Float(normalizationEpsilon), activation: activation.function)
    }

    fileprivate func transformer(
        channels: Int, shape: TransformerShape, in scope: ParameterScope
    ) -> Transformer2DModel {
        Transformer2DModel(
            channels: channels, shape: shape, groups: normalizationGroups, usesLinearProjection: usesLinearProjection,
            in: scope)
    }
}
