import Autograd
import Tensor

/// The denoising network of Stable Diffusion (arXiv 2112.10752), as diffusers' class of this name defines it.
///
/// An immutable value over the parameters of a `ParameterSet`; several networks may be made over one set and share them.
public struct UNet2DConditionModel: Sendable {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under diffusers' keys.
    public let parameters: ParameterSet
    /// Whether residual blocks and transformers keep no intermediates for the backward pass but run again in it: less
    /// memory, one more forward pass.
    public var recomputesBlocks = false
    /// The guidance scale that a network with ``Configuration/guidanceEmbeddingWidth`` is told; as in diffusers 8.5, unless
    /// ``guided(byEmbedding:)`` sets another.
    package var embeddedGuidanceScale = 8.5
    /// The text that the attention to the text avoids; nil for none.
    var avoidedText: AvoidedText?
    /// The pixels per latent in each direction, by which the size ids of a condition without ``TextCondition/sizes`` are those of the
    /// latents.
    package var pixelsPerLatent = 8

    private let inputConvolution: Conv2d
    private let timeEmbedding: TimestepEmbedding
    private let textSizeEmbedding: TextSizeEmbedding?
    private let downStages: [DownStage]
    private let midBlock: UNetMidBlock2D?
    private let upBlocks: [UpBlock2D]
    private let outputNorm: GroupNorm
    private let outputConvolution: Conv2d
    private let isPrefixAdapted: Bool

    /// Declares the network's parameters in `scope`, or finds them there.
    ///
    /// The lists of `configuration` must have one entry per block.
    public init(_ configuration: Configuration, in scope: ParameterScope) {
        configuration.checkBlockCounts()
        self.configuration = configuration
        parameters = scope.parameters
        let widths = configuration.blockChannels
        let (inputKernel, outputKernel) = (configuration.inputKernelSize, configuration.outputKernelSize)
        inputConvolution = Conv2d(
            inputs: configuration.inputChannels, outputs: widths[0], kernelSize: inputKernel,
            padding: .init(inputKernel / 2), in: scope["conv_in"])
        timeEmbedding = TimestepEmbedding(configuration, in: scope["time_embedding"])
        textSizeEmbedding = TextSizeEmbedding(configuration, in: scope["add_embedding"])
        downStages = widths.indices.flatMap {
            DownStage.stages(ofBlock: $0, of: configuration, in: scope["down_blocks"][$0])
        }
        midBlock = UNetMidBlock2D(configuration, in: scope["mid_block"])
        upBlocks = widths.indices.map { UpBlock2D(index: $0, of: configuration, in: scope["up_blocks"][$0]) }
        outputNorm = GroupNorm(
            channels: widths[0], groups: configuration.normalizationGroups,
            epsilon: Float(configuration.normalizationEpsilon), in: scope["conv_norm_out"])
        outputConvolution = Conv2d(
            inputs: widths[0], outputs: configuration.outputChannels, kernelSize: outputKernel,
            padding: .init(outputKernel / 2), in: scope["conv_out"])
        let first = downStages.prefix { !$0.isAttentive }.count
        isPrefixAdapted =
            [scope["conv_in"], scope["time_embedding"]].contains { $0.hasAdapters }
            || downStages.prefix(first + 1).contains { $0.isResidualAdapted }
    }

    /// The network's output, in the prediction type that it was trained for.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one per sample, or a single one for all.
    ///   - textEmbeddings: `[batch, tokens, width]`, or `[1, tokens, width]` for all.
    /// - Returns: `[batch, height, width, out channels]`.
    public func callAsFunction(_ latents: Variable, timesteps: [Double], textEmbeddings: Variable) -> Variable {
        predict(latents, at: timesteps, given: TextCondition(tokens: textEmbeddings))
    }

    /// The feature map after the middle block or, without one, after the last down block: the input of discriminators.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, in channels]`.
    ///   - timesteps: one per sample, or a single one for all.
    ///   - condition: one per sample, or one for all.
    /// - Returns: `[batch, height′, width′, channels]` of the last block.
    public func bottleneck(_ latents: Variable, timesteps: [Double], condition: TextCondition) -> Variable {
        let timesteps = check(latents, timesteps, [condition])
        return middle(prefix(latents, timesteps, [condition]), [condition.tokens]).hidden
    }
}

// The forward pass: the prefix that does not read the text, the rest of the down blocks and the middle block, the up blocks.
extension UNet2DConditionModel {
    /// The result of the layers before the first attention to the text, which several texts and several networks can share.
    struct Prefix {
        let time: TimeInput
        /// The input of the first transformer; of a network whose down blocks have none, their output.
        let hidden: Variable
        /// The outputs of the stages before, which are skip connections.
        let skips: [Variable]
        /// The number of samples. The maps of a network that embeds the pooled text with the timestep are of so many samples for each
        /// condition already.
        let samples: Int
    }

    /// Computes the layers before the first attention to the text, given one timestep per sample.
    func prefix(_ latents: Variable, _ timesteps: [Double], _ conditions: [TextCondition]) -> Prefix {
        let samples = latents.shape[0]
        var (latents, embedding) = (latents, timeEmbedding(timesteps, guidanceScale: embeddedGuidanceScale))
        if let textSizeEmbedding {
            let added = conditions.map { addition(for: $0, latents, textSizeEmbedding) }
            embedding = embedding.repeated(conditions.count) + .concatenate(added, axis: 0)
            latents = latents.repeated(conditions.count)
        }
        let time = TimeInput(
            embedding: embedding.activated(configuration.activation.function), recomputes: recomputesBlocks)
        var hidden = inputConvolution(configuration.centersInput ? latents * 2 - 1 : latents)
        var skips = [hidden]
        for stage in downStages {
            hidden = stage.residual(hidden, time)
            if stage.isAttentive { break }
            skips.append(hidden)
        }
        return Prefix(time: time, hidden: hidden, skips: skips, samples: samples)
    }

    /// The embedding of the pooled text and the size ids of each sample, `[batch, width]`.
    private func addition(
        for condition: TextCondition, _ latents: Variable, _ embed: TextSizeEmbedding
    ) -> Variable {
        guard let pooled = condition.pooled, pooled.shape[1] == configuration.pooledWidth else {
            fatalError(
                "UNet2DConditionModel: expected pooled text embeddings of width \(configuration.pooledWidth), found "
                    + "\(condition.pooled.map { "\($0.shape)" } ?? "none")")
        }
        let size = [latents.shape[1], latents.shape[2]].map { Float($0 * pixelsPerLatent) }
        let sizes = condition.sizes?.value ?? Tensor(size + [0, 0] + size, shape: [1, 6])
        let rows = sizes.shape[0] == pooled.shape[0] ? sizes : sizes.broadcast(to: [pooled.shape[0], 6])
        let embedding = embed(pooled, sizes: rows)
        return embedding.broadcast(to: [latents.shape[0], embedding.shape[1]])
    }

    /// The remaining down stages and the middle block; the maps for one text after those for another along the batch. Of a cancelled computation
    /// as much as there was time for.
    private func middle(
        _ prefix: Prefix, _ texts: [Variable], unless cancellation: ComputationCancellation? = nil
    ) -> (hidden: Variable, skips: [Variable], inputs: BlockInputs) {
        var (hidden, skips) = (prefix.hidden, prefix.skips)
        let inputs = BlockInputs(
            time: prefix.time, text: TextInput(texts, samples: prefix.samples, avoiding: avoidedText))
        let computed = skips.count - 1
        for (index, stage) in downStages.enumerated().dropFirst(computed) {
            if cancellation?.isCancelled == true { return (hidden, skips, inputs) }
            if index > computed { hidden = stage.residual(hidden, inputs.time) }
            hidden = stage.attention(hidden, inputs)
            skips.append(hidden)
        }
        if cancellation?.isCancelled != true, let midBlock { hidden = midBlock(hidden, inputs) }
        return (hidden, skips, inputs)
    }

    /// The outputs for each of the texts; once the computation is cancelled, zeros, which nobody reads.
    func outputs(
        from prefix: Prefix, texts: [Variable], unless cancellation: ComputationCancellation? = nil
    ) -> [Variable] {
        let batch = prefix.samples
        func nothing() -> [Variable] {
            let shape = [batch] + prefix.skips[0].shape[1...2] + [configuration.outputChannels]
            return texts.map { _ in Variable(.zeros(shape)) }
        }
        var (hidden, skips, inputs) = middle(prefix, texts, unless: cancellation)
        for block in upBlocks {
            if cancellation?.isCancelled == true { return nothing() }
            hidden = block(hidden, skips: &skips, inputs)
        }
        // A network that nowhere attends to the text has one output for all texts.
        let output = outputConvolution(outputNorm(hidden, activation: configuration.activation.function))
            .repeated(texts.count * batch / hidden.shape[0])
        return texts.count == 1 ? [output] : texts.indices.map { output.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }
    }

    /// Whether `prefix` of another network would compute the same for all conditions.
    func sharesPrefix(with other: UNet2DConditionModel) -> Bool {
        textSizeEmbedding == nil && inputConvolution.weight === other.inputConvolution.weight
            && configuration == other.configuration
            && !isPrefixAdapted && !other.isPrefixAdapted && recomputesBlocks == other.recomputesBlocks
            && embeddedGuidanceScale == other.embeddedGuidanceScale
    }

    /// Checks the inputs' shapes. Returns one timestep per sample.
    func check(_ latents: Variable, _ timesteps: [Double], _ conditions: [TextCondition]) -> [Double] {
        let texts = conditions.map(\.tokens)
        let channels = configuration.inputChannels
        require(
            latents.shape.count == 4 && latents.shape[3] == channels,
            "UNet2DConditionModel: expected latents [batch, height, width, \(channels)], found \(latents.shape)")
        let batch = latents.shape[0]
        require(
            timesteps.count == batch || timesteps.count == 1,
            "UNet2DConditionModel: expected \(batch) timesteps (one per sample) or 1, found \(timesteps.count)")
        require(
            !texts.isEmpty && texts.allSatisfy { $0.shape.count == 3 && [1, batch].contains($0.shape[0]) },
            "UNet2DConditionModel: expected text embeddings [\(batch) or 1, tokens, width], found \(texts.map(\.shape))"
        )
        return timesteps.count == batch ? timesteps : Array(repeating: timesteps[0], count: batch)
    }
}

extension UNet2DConditionModel.Configuration {
    /// Every list has one entry per block; a file's configuration was checked when it was read.
    fileprivate func checkBlockCounts() {
        let blocks = blockChannels.count
        let counts = [
            downBlockTypes.count, upBlockTypes.count, layersPerBlock.count, crossAttentionWidths.count,
            transformerLayers.count, transformerLayersUpwards.count, headCounts.count,
        ]
        require(
            blocks > 0 && counts.allSatisfy { $0 == blocks },
            "UNet2DConditionModel.Configuration: expected \(blocks) entries in every list, found \(counts)")
    }
}
