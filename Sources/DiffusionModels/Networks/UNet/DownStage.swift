import Autograd
import Tensor

/// A step of the way down, whose map becomes a skip connection: a residual block, with a transformer behind it where its block
/// has them, or the halving at a block's end.
struct DownStage {
    private enum Entry {
        case residual(ResnetBlock2D)
        case halving(Downsample2D)
    }

    private let entry: Entry
    private let attention: Transformer2DModel?
    /// Whether a layer before the transformer has a low-rank adapter.
    let isEntryAdapted: Bool

    /// The stages of `DownBlock2D`, or of `CrossAttnDownBlock2D` if it has transformers.
    static func stages(
        ofBlock index: Int, of configuration: UNet2DConditionModel.Configuration, in scope: ParameterScope
    ) -> [DownStage] {
        let outputs = configuration.blockChannels[index]
        let first = configuration.blockChannels[max(index - 1, 0)]
        let shape = TransformerShape(
            layers: configuration.transformerLayers[index], heads: configuration.headCounts[index],
            textWidth: configuration.crossAttentionWidths[index])
        let layers = configuration.layersPerBlock[index]
        let resnets = (0..<layers).map { layer in
            ResnetBlock2D(
                inputs: layer == 0 ? first : outputs, outputs: outputs, timeWidth: configuration.timeWidth,
                style: configuration.style, in: scope["resnets"][layer])
        }
        let isAttentive = configuration.downBlockTypes[index] == .crossAttention
        var stages = resnets.enumerated().map { layer, resnet in
            DownStage(
                entry: .residual(resnet),
                attention: isAttentive
                    ? configuration.transformer(channels: outputs, shape: shape, in: scope["attentions"][layer]) : nil,
                isEntryAdapted: scope["resnets"][layer].hasAdapters)
        }
        guard index < configuration.blockChannels.count - 1 else { return stages }
        let place = scope["downsamplers"][0]
        let halving = Downsample2D(channels: outputs, padding: configuration.downsamplePadding, in: place)
        stages.append(DownStage(entry: .halving(halving), attention: nil, isEntryAdapted: place.hasAdapters))
        return stages
    }

    /// Whether the stage attends to the text.
    var isAttentive: Bool { attention != nil }

    /// The map before the transformer: how far the stage goes without a text.
    func enter(_ input: Variable, _ time: TimeContext) -> Variable {
        switch entry {
        case .residual(let block): time.run(block, on: input)
        case .halving(let layer): layer(input)
        }
    }

    /// The map behind the transformer; the same without one.
    func attend(_ entered: Variable, _ context: BlockContext) -> Variable {
        attention.map { context.run($0, on: entered) } ?? entered
    }
}
