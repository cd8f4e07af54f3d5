import Autograd
import Tensor

/// The denoising network of Stable Diffusion (arXiv 2112.10752), as diffusers' class of this name has it.
///
/// An immutable value over the parameters of a `ParameterSet`; several networks may be made over one set and share them.
public struct UNet2DConditionModel {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under diffusers' keys.
    public let parameters: ParameterSet
    /// Whether residual blocks and transformers keep no intermediates for the backward pass but run again in it: less
    /// memory, one more forward pass.
    public var recomputesBlocks = false

    private let inputConvolution: Conv2d
    private let timeEmbedding: TimestepEmbedding
    private let downStages: [DownStage]
    private let midBlock: UNetMidBlock2D?
    private let upBlocks: [UpBlock2D]
    private let outputNorm: GroupNorm
    private let outputConvolution: Conv2d
    private let isEntranceAdapted: Bool

    /// Declares the network's parameters in `scope`, or finds them there.
    ///
    /// The lists of `configuration` must have one entry a block.
    public init(_ configuration: Configuration, in scope: ParameterScope) {
        configuration.checkBlockCounts()
        self.configuration = configuration
        parameters = scope.parameters
        let widths = configuration.blockChannels
        let (entrance, exit) = (configuration.inputKernelSize, configuration.outputKernelSize)
        inputConvolution = Conv2d(
            inputs: configuration.inputChannels, outputs: widths[0], kernelSize: entrance,
            padding: .init(entrance / 2), in: scope["conv_in"])
        timeEmbedding = TimestepEmbedding(configuration, in: scope["time_embedding"])
        downStages = widths.indices.flatMap {
            DownStage.stages(ofBlock: $0, of: configuration, in: scope["down_blocks"][$0])
        }
        midBlock = UNetMidBlock2D(configuration, in: scope["mid_block"])
        upBlocks = widths.indices.map { UpBlock2D(index: $0, of: configuration, in: scope["up_blocks"][$0]) }
        outputNorm = GroupNorm(
            channels: widths[0], groups: configuration.normalizationGroups,
            epsilon: Float(configuration.normalizationEpsilon), in: scope["conv_norm_out"])
        outputConvolution = Conv2d(
            inputs: widths[0], outputs: configuration.outputChannels, kernelSize: exit, padding: .init(exit / 2),
            in: scope["conv_out"])
        let begin = downStages.prefix { !$0.isAttentive }.count
        isEntranceAdapted =
            [scope["conv_in"], scope["time_embedding"]].contains { $0.hasAdapters }
            || downStages.prefix(begin + 1).contains { $0.isEntryAdapted }
    }

    /// The network's output, in the prediction type that it was trained for.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one a sample, or a single one for all.
    ///   - textEmbeddings: `[batch, tokens, width]`, or `[1, tokens, width]` for all.
    /// - Returns: `[batch, height, width, out channels]`.
    public func callAsFunction(_ latents: Variable, timesteps: [Double], textEmbeddings: Variable) -> Variable {
        self(latents, timesteps: timesteps, textEmbeddingsOfEach: [textEmbeddings])[0]
    }

    /// The outputs for several texts of the same latents, as guidance needs them: what lies before the first attention to the
    /// text is computed once for all, and so are the keys and values of a text that all samples share.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one a sample, or a single one for all.
    ///   - texts: each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    /// - Returns: one an entry of `texts`, each `[batch, height, width, out channels]`.
    public func callAsFunction(
        _ latents: Variable, timesteps: [Double], textEmbeddingsOfEach texts: [Variable]
    ) -> [Variable] {
        Self.outputs(of: [self], latents, timesteps: timesteps, textEmbeddingsOfEach: [texts])[0]
    }

    /// The innermost feature map, behind the middle block or, without one, behind the last block of the way down: what discriminators
    /// look at.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one a sample, or a single one for all.
    ///   - textEmbeddings: `[batch, tokens, width]`, or `[1, tokens, width]` for all.
    /// - Returns: `[batch, height′, width′, channels]` of the last block.
    public func bottleneck(_ latents: Variable, timesteps: [Double], textEmbeddings: Variable) -> Variable {
        middle(entrance(latents, check(latents, timesteps, [textEmbeddings])), [textEmbeddings]).hidden
    }

    /// What lies before the first attention to the text, with a timestep each.
    func entrance(_ latents: Variable, _ timesteps: [Double]) -> Entrance {
        let time = TimeContext(
            time: timeEmbedding(timesteps).activated(configuration.activation.function), recomputes: recomputesBlocks)
        var hidden = inputConvolution(configuration.centersInput ? latents * 2 - 1 : latents)
        var skips = [hidden]
        for stage in downStages {
            hidden = stage.enter(hidden, time)
            if stage.isAttentive { break }
            skips.append(hidden)
        }
        return Entrance(time: time, hidden: hidden, skips: skips)
    }

    /// Whether `entrance` of another network would compute the same.
    func sharesEntrance(with other: UNet2DConditionModel) -> Bool {
        inputConvolution.weight === other.inputConvolution.weight && configuration == other.configuration
            && !isEntranceAdapted && !other.isEntranceAdapted && recomputesBlocks == other.recomputesBlocks
    }

    /// The outputs for each of the texts, beside each other in the channels.
    func outputs(from entrance: Entrance, texts: [Variable]) -> Variable {
        let (middle, downSkips, context) = middle(entrance, texts)
        var (hidden, skips) = (middle, downSkips)
        for block in upBlocks { hidden = block(hidden, skips: &skips, context) }
        let batch = entrance.hidden.shape[0]
        // A network that nowhere attends to the text has one output for all texts.
        let output = outputConvolution(outputNorm(hidden, activation: configuration.activation.function))
            .repeated(texts.count * batch / hidden.shape[0])
        guard texts.count > 1 else { return output }
        return .concatenate(texts.indices.map { output.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }, axis: 3)
    }

    /// The rest of the way down, and the middle block; the maps for one text after those for another.
    private func middle(
        _ entrance: Entrance, _ texts: [Variable]
    ) -> (hidden: Variable, skips: [Variable], context: BlockContext) {
        var (hidden, skips) = (entrance.hidden, entrance.skips)
        let context = BlockContext(
            time: entrance.time, text: PromptContext(texts, samples: hidden.shape[0]))
        let entered = skips.count - 1
        for (index, stage) in downStages.enumerated().dropFirst(entered) {
            if index > entered { hidden = stage.enter(hidden, context.time) }
            hidden = stage.attend(hidden, context)
            skips.append(hidden)
        }
        return (midBlock?(hidden, context) ?? hidden, skips, context)
    }

    /// The timestep of each sample.
    func check(_ latents: Variable, _ timesteps: [Double], _ texts: [Variable]) -> [Double] {
        let channels = configuration.inputChannels
        precondition(
            latents.shape.count == 4 && latents.shape[3] == channels,
            "UNet2DConditionModel: expected latents [batch, height, width, \(channels)], found \(latents.shape)")
        let batch = latents.shape[0]
        precondition(
            timesteps.count == batch || timesteps.count == 1,
            "UNet2DConditionModel: expected \(batch) timesteps (one a sample) or 1, found \(timesteps.count)")
        precondition(
            !texts.isEmpty && texts.allSatisfy { $0.shape.count == 3 && [1, batch].contains($0.shape[0]) },
            "UNet2DConditionModel: expected text embeddings [\(batch) or 1, tokens, width], found \(texts.map(\.shape))"
        )
        return timesteps.count == batch ? timesteps : Array(repeating: timesteps[0], count: batch)
    }
}

extension UNet2DConditionModel.Configuration {
    /// Every list has one entry a block; a file's configuration was checked when it was read.
    fileprivate func checkBlockCounts() {
        let blocks = blockChannels.count
        let counts = [
            downBlockTypes.count, upBlockTypes.count, layersPerBlock.count, crossAttentionWidths.count,
            transformerLayers.count, transformerLayersUpwards.count, headCounts.count,
        ]
        precondition(
            blocks > 0 && counts.allSatisfy { $0 == blocks },
            "UNet2DConditionModel.Configuration: expected \(blocks) entries in every list, found \(counts)")
    }
}
