import Autograd
import Tensor

/// `UNetMidBlock2DCrossAttn`, a transformer between two residual blocks, or diffusers' `UNetMidBlock2D`, one residual block.
struct UNetMidBlock2D {
    private let entrance: ResnetBlock2D
    private let attention: Transformer2DModel?
    private let exit: ResnetBlock2D?

    /// Nil for a network without a middle block.
    init?(_ configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope) {
        guard let type = configuration.midBlockType else { return nil }
        let last = configuration.blockChannels.count - 1
        let channels = configuration.blockChannels[last]
        func resnet(_ layer: Int) -> ResnetBlock2D {
            ResnetBlock2D(
                inputs: channels, outputs: channels, timeWidth: configuration.timeWidth, style: configuration.style,
                in: scope["resnets"][layer])
        }
        entrance = resnet(0)
        guard type == .crossAttention else {
            (attention, exit) = (nil, nil)
            return
        }
        exit = resnet(1)
        let shape = TransformerShape(
            layers: configuration.transformerLayers[last], heads: configuration.headCounts[last],
            textWidth: configuration.crossAttentionWidths[last])
        attention = configuration.transformer(channels: channels, shape: shape, in: scope["attentions"][0])
    }

    func callAsFunction(_ input: Variable, _ context: BlockContext) -> Variable {
        let entered = context.time.run(entrance, on: input)
        guard let attention, let exit else { return entered }
        return context.time.run(exit, on: context.run(attention, on: entered))
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
            hidden = context.time.run(resnet, on: .concatenate([hidden, repeated], axis: 3))
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

    func transformer(
        channels: Int, shape: TransformerShape, in scope: ParameterScope
    ) -> Transformer2DModel {
        Transformer2DModel(
            channels: channels, shape: shape, groups: normalizationGroups, usesLinearProjection: usesLinearProjection,
            in: scope)
    }
}
