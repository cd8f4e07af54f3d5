import Autograd
import Tensor

extension UNet2DConditionModel: DenoisingNetwork {
    /// `out_channels` of inpainting networks, otherwise `in_channels`.
    public var latentChannels: Int { configuration.inputChannels - conditionChannels }
    /// Those of an inpainting network: of 9 `in_channels`, 1 for the mask and 4 for the masked image.
    public var conditionChannels: Int { configuration.isInpainting ? configuration.outputChannels + 1 : 0 }
    /// `sample_size`.
    public var latentSize: LatentSize? { configuration.sampleSize }
    /// The first of `block_out_channels`.
    public var channelsAtFullSize: Int { configuration.blockChannels.first ?? 1 }
    /// That of networks of Stable Diffusion XL's kind.
    public var pooledWidth: Int? { configuration.sizeEmbeddingWidth == nil ? nil : configuration.pooledWidth }
    /// diffusers' class of the same name.
    public var stored: StoredPart? {
        StoredPart(
            library: "diffusers", className: "UNet2DConditionModel", configuration: configuration.json,
            parameters: parameters)
    }
    /// The map after the middle block; see ``bottleneck(_:timesteps:condition:)``.
    public var features: (any DenoisingFeatures)? { self }

    /// The same architecture over the parameters of `scope`.
    public func over(_ scope: ParameterScope) -> UNet2DConditionModel {
        var network = UNet2DConditionModel(configuration, in: scope)
        (network.recomputesBlocks, network.pixelsPerLatent) = (recomputesBlocks, pixelsPerLatent)
        (network.embeddedGuidanceScale, network.avoidedText) = (embeddedGuidanceScale, avoidedText)
        return network
    }

    /// The same network, whose attention to the text avoids another text (NAG, arXiv 2505.21179).
    public func avoiding(_ text: TextCondition, by guidance: AttentionGuidance) -> UNet2DConditionModel? {
        var network = self
        network.avoidedText = AvoidedText(tokens: text.gathered(rows: [0]).tokens, guidance: guidance)
        return network
    }

    /// The same network with another embedded guidance scale; nil if it reads none.
    public func guided(byEmbedding scale: Double) -> UNet2DConditionModel? {
        guard configuration.guidanceEmbeddingWidth != nil else { return nil }
        var network = self
        network.embeddedGuidanceScale = scale
        return network
    }

    /// The same network with another setting of ``recomputesBlocks``.
    public func recomputingBlocks(_ recomputes: Bool) -> UNet2DConditionModel {
        var network = self
        network.recomputesBlocks = recomputes
        return network
    }

    /// The network's output, for one condition per sample, or one for all.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        predict(noisy, at: timesteps, givenEach: [condition])[0]
    }

    /// The outputs for several conditions of the same latents, as guidance needs them: the layers before the first attention to the
    /// text are computed once for all, unless the network embeds the pooled text with the timestep, and so are the keys and values of a
    /// text that all samples share.
    ///
    /// - Parameters:
    ///   - noisy: `[batch, height, width, in channels]`.
    ///   - timesteps: one per sample, or a single one for all.
    ///   - conditions: each one per sample, or one for all samples.
    /// - Returns: one per entry of `conditions`, each `[batch, height, width, out channels]`. In a generation whose task is cancelled the pass may stop
    ///   in the middle; the outputs then mean nothing.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition]
    ) -> [Variable] {
        let timesteps = check(noisy, timesteps, conditions)
        let cancellation = ComputationCancellation.current
        return inShards(of: noisy, timesteps, [conditions], count: shardCount(of: noisy)) {
            latents, timesteps, conditions in
            outputs(
                from: prefix(latents, timesteps, conditions[0]), texts: conditions[0].map(\.tokens),
                unless: cancellation)
        }
    }

    /// The outputs of both networks; of another UNet that shares this one's prefix, the prefix is computed once. See
    /// ``outputs(of:_:timesteps:conditionsOfEach:)``.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [TextCondition],
        and other: any DenoisingNetwork, givenEach otherConditions: [TextCondition]
    ) -> (own: [Variable], other: [Variable]) {
        guard let sibling = other as? Self, sharesPrefix(with: sibling) else {
            return (
                predict(noisy, at: timesteps, givenEach: conditions),
                other.predict(noisy, at: timesteps, givenEach: otherConditions)
            )
        }
        let outputs = Self.outputs(
            of: [self, sibling], noisy, timesteps: timesteps, conditionsOfEach: [conditions, otherConditions])
        return (outputs[0], outputs[1])
    }
}

extension UNet2DConditionModel: DenoisingFeatures {
    /// The channels of the innermost block.
    public var channelCount: Int { configuration.blockChannels[configuration.blockChannels.count - 1] }
    /// `norm_num_groups`.
    public var groupCount: Int { configuration.normalizationGroups }

    /// The map after the middle block. See ``bottleneck(_:timesteps:condition:)``.
    public func features(of noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        bottleneck(noisy, timesteps: timesteps, condition: condition)
    }
}

extension UNet2DConditionModel.Configuration {
    /// Whether the network reads a mask and the latents of the masked image beside the noisy latents, as many as it predicts.
    var isInpainting: Bool { inputChannels == 2 * outputChannels + 1 }
}
