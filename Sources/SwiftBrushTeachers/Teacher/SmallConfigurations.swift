import DiffusionModels

extension AutoencoderKL.Configuration {
    /// A small autoencoder of 0.68 million parameters: its latents have four channels and a quarter of the image's height and width.
    ///
    /// - Parameter side: the height and width of the images, in pixels.
    public static func small(side: Int) -> Self {
        var configuration = Self()
        configuration.blockChannels = [16, 32, 64]
        configuration.normalizationGroups = 8
        configuration.sampleSize = side
        configuration.scalingFactor = 1
        return configuration
    }
}

extension CLIPTextModel.Configuration {
    /// A small text encoder of width 128 with two layers.
    public static func small(for tokenizer: CLIPTokenizer) -> Self {
        var configuration = Self()
        configuration.vocabularySize = tokenizer.vocabularySize
        (configuration.width, configuration.feedForwardWidth, configuration.projectionWidth) = (128, 512, 128)
        (configuration.layers, configuration.heads) = (2, 4)
        configuration.maximumPositions = tokenizer.maximumLength
        configuration.startToken = tokenizer.startToken
        configuration.endToken = tokenizer.endToken
        configuration.paddingToken = tokenizer.paddingToken
        return configuration
    }
}

extension UNet2DConditionModel.Configuration {
    /// A small denoising network: transformers in all blocks but the outermost, one layer per block, heads about 32 wide.
    ///
    /// - Parameters:
    ///   - latentSize: the size of the training latents.
    ///   - blockChannels: the channels per block, outermost block first; multiples of 16.
    ///   - textWidth: the width of the text encoder.
    public static func small(
        latentSize: LatentSize, blockChannels: [Int] = [64, 128, 176], textWidth: Int = 128
    ) -> Self {
        let blocks = blockChannels.count
        var configuration = Self()
        configuration.sampleSize = latentSize
        configuration.blockChannels = blockChannels
        configuration.downBlockTypes = [.plain] + Array(repeating: .crossAttention, count: blocks - 1)
        configuration.upBlockTypes = configuration.downBlockTypes.reversed().map {
            $0 == .plain ? .plain : .crossAttention
        }
        configuration.layersPerBlock = Array(repeating: 1, count: blocks)
        configuration.transformerLayers = configuration.layersPerBlock.map { TransformerDepth($0) }
        configuration.headCounts = blockChannels.map { width in
            (1...max(width / 32, 1)).last { width % ($0 * 4) == 0 } ?? 1
        }
        configuration.crossAttentionWidths = Array(repeating: textWidth, count: blocks)
        configuration.normalizationGroups = 16
        configuration.usesLinearProjection = true
        return configuration
    }
}
