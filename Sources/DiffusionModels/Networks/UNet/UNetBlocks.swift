import Autograd
import Tensor

/// One layer of a down block, whose output becomes a skip connection: a residual block, followed by a transformer in blocks that
/// have them, or the downsampling at the block's end.
struct DownStage {
    private enum Residual {
        case residual(ResnetBlock2D)
        case downsampling(Downsample2D)
    }

    private let layer: Residual
    private let transformer: Transformer2DModel?
    /// Whether a layer before the transformer has a low-rank adapter.
    let isResidualAdapted: Bool

    /// The stages of `DownBlock2D`, or of `CrossAttnDownBlock2D` if it has transformers.
    static func stages(
        ofBlock index: Int, of configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope
    ) -> [DownStage] {
        let outputs = configuration.blockChannels[index]
        let first = configuration.blockChannels[max(index - 1, 0)]
        let depth = configuration.transformerLayers[index]
        func shape(_ layer: Int) -> TransformerShape {
            TransformerShape(
                layers: depth[layer], heads: configuration.headCounts[index],
                textWidth: configuration.crossAttentionWidths[index])
        }
        let layers = configuration.layersPerBlock[index]
        let resnets = (0..<layers).map { layer in
            ResnetBlock2D(
                inputs: layer == 0 ? first : outputs, outputs: outputs, timeWidth: configuration.timeWidth,
                style: configuration.style, in: scope["resnets"][layer])
        }
        let isAttentive = configuration.downBlockTypes[index] == .crossAttention
        var stages = resnets.enumerated().map { layer, resnet in
            DownStage(
                layer: .residual(resnet),
                transformer: isAttentive
                    ? configuration.transformer(channels: outputs, shape: shape(layer), in: scope["attentions"][layer])
                    : nil,
                isResidualAdapted: scope["resnets"][layer].hasAdapters)
        }
        guard index < configuration.blockChannels.count - 1 else { return stages }
        let place = scope["downsamplers"][0]
        let downsampler = Downsample2D(channels: outputs, padding: configuration.downsamplePadding, in: place)
        stages.append(
            DownStage(layer: .downsampling(downsampler), transformer: nil, isResidualAdapted: place.hasAdapters))
        return stages
    }

    /// Whether the stage attends to the text.
    var isAttentive: Bool { transformer != nil }

    /// The map before the transformer, which does not depend on the text.
    func residual(_ input: Variable, _ time: TimeInput) -> Variable {
        switch self.layer {
        case .residual(let block): time.run(block, on: input)
        case .downsampling(let layer): layer(input)
        }
    }

    /// The map after the transformer; unchanged without one.
    func attention(_ map: Variable, _ inputs: BlockInputs) -> Variable {
        transformer.map { inputs.run($0, on: map) } ?? map
    }
}

/// `UNetMidBlock2DCrossAttn`, a transformer between two residual blocks, or diffusers' `UNetMidBlock2D`, one residual block.
struct UNetMidBlock2D {
    private let first: ResnetBlock2D
    private let attention: Transformer2DModel?
    private let second: ResnetBlock2D?

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
        first = resnet(0)
        guard type == .crossAttention else {
            (attention, second) = (nil, nil)
            return
        }
        second = resnet(1)
        let shape = TransformerShape(
            layers: configuration.transformerLayers[last][0], heads: configuration.headCounts[last],
            textWidth: configuration.crossAttentionWidths[last])
        attention = configuration.transformer(channels: channels, shape: shape, in: scope["attentions"][0])
    }

    func callAsFunction(_ input: Variable, _ inputs: BlockInputs) -> Variable {
        let hidden = inputs.time.run(first, on: input)
        guard let attention, let second else { return hidden }
        return inputs.time.run(second, on: inputs.run(attention, on: hidden))
    }
}

/// `UpBlock2D`, or `CrossAttnUpBlock2D` if it has transformers: residual blocks that also read the skip connections, then
/// an upsampling.
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
        let depth = configuration.transformerLayersUpwards[index]
        let transformers = configuration.upBlockTypes[index] == .crossAttention ? layers : 0
        attentions = (0..<transformers).map { layer in
            let shape = TransformerShape(
                layers: depth[layer], heads: configuration.headCounts[mirrored],
                textWidth: configuration.crossAttentionWidths[mirrored])
            return configuration.transformer(channels: outputs, shape: shape, in: scope["attentions"][layer])
        }
        upsampler = mirrored == 0 ? nil : Upsample2D(channels: outputs, in: scope["upsamplers"][0])
    }

    /// Takes its skip connections from the end of `skips`.
    func callAsFunction(_ input: Variable, skips: inout [Variable], _ inputs: BlockInputs) -> Variable {
        var hidden = input
        for (layer, resnet) in resnets.enumerated() {
            let skip = skips.removeLast()
            let repeated = skip.repeated(hidden.shape[0] / skip.shape[0])
            hidden = inputs.time.run(resnet, on: .concatenate([hidden, repeated], axis: 3))
            if !attentions.isEmpty { hidden = inputs.run(attentions[layer], on: hidden) }
        }
        guard let upsampler else { return hidden }
        let size = skips.last.map { LatentSize(height: $0.shape[1], width: $0.shape[2]) }
        return upsampler(hidden, size: size)
    }
}

extension UNet2DConditionModel.Configuration {
    /// The settings that all residual blocks share.
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
