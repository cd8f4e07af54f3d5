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
    private let downBlocks: [DownBlock2D]
    private let midBlock: UNetMidBlock2DCrossAttn
    private let upBlocks: [UpBlock2D]
    private let outputNorm: GroupNorm
    private let outputConvolution: Conv2d

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
        downBlocks = widths.indices.map { DownBlock2D(index: $0, of: configuration, in: scope["down_blocks"][$0]) }
        midBlock = UNetMidBlock2DCrossAttn(configuration, in: scope["mid_block"])
        upBlocks = widths.indices.map { UpBlock2D(index: $0, of: configuration, in: scope["up_blocks"][$0]) }
        outputNorm = GroupNorm(
            channels: widths[0], groups: configuration.normalizationGroups,
            epsilon: Float(configuration.normalizationEpsilon), in: scope["conv_norm_out"])
        outputConvolution = Conv2d(
            inputs: widths[0], outputs: configuration.outputChannels, kernelSize: exit, padding: .init(exit / 2),
            in: scope["conv_out"])
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
        let each = check(latents, timesteps, texts)
        let parts = partCount(of: latents)
        let outputs =
            parts > 1
            ? inParts(parts, latents, timesteps: each, texts: texts) : outputs(latents, timesteps: each, texts: texts)
        guard texts.count > 1 else { return [outputs] }
        let channels = configuration.outputChannels
        return texts.indices.map { outputs.sliced(axis: 3, $0 * channels..<($0 + 1) * channels) }
    }

    /// The outputs of a whole batch at once, with a timestep each, beside each other in the channels.
    func outputs(_ latents: Variable, timesteps: [Double], texts: [Variable]) -> Variable {
        let (middle, downSkips, context) = middle(latents, timesteps, texts)
        var (hidden, skips) = (middle, downSkips)
        for block in upBlocks { hidden = block(hidden, skips: &skips, context) }
        let output = outputConvolution(outputNorm(hidden, activation: configuration.activation.function))
        let batch = latents.shape[0]
        guard texts.count > 1 else { return output }
        return .concatenate(texts.indices.map { output.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }, axis: 3)
    }

    /// The innermost feature map, behind the middle block: what discriminators look at.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one a sample, or a single one for all.
    ///   - textEmbeddings: `[batch, tokens, width]`, or `[1, tokens, width]` for all.
    /// - Returns: `[batch, height′, width′, channels]` of the last block.
    public func bottleneck(_ latents: Variable, timesteps: [Double], textEmbeddings: Variable) -> Variable {
        middle(latents, check(latents, timesteps, [textEmbeddings]), [textEmbeddings]).hidden
    }

    /// The way down and the middle block, with a timestep each; the maps for one text after those for another.
    private func middle(
        _ latents: Variable, _ timesteps: [Double], _ texts: [Variable]
    ) -> (hidden: Variable, skips: [Variable], context: BlockContext) {
        let context = BlockContext(
            time: timeEmbedding(timesteps).activated(configuration.activation.function),
            text: PromptContext(texts, samples: latents.shape[0]), recomputes: recomputesBlocks)
        var hidden = inputConvolution(configuration.centersInput ? latents * 2 - 1 : latents)
        var skips = [hidden]
        for block in downBlocks {
            let maps = block(hidden, context)
            skips += maps
            hidden = maps.last ?? hidden
        }
        return (midBlock(hidden, context), skips, context)
    }

    /// The timestep of each sample.
    private func check(_ latents: Variable, _ timesteps: [Double], _ texts: [Variable]) -> [Double] {
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
            "UNet2DConditionModel: expected text embeddings [\(batch) or 1, tokens, width], found \(texts.map(\.shape))")
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
