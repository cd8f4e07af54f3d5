import Tensor

extension UNet2DConditionModel {
    /// What stands beside a resolution's residual blocks on the way down.
    public enum DownBlockType: String, CaseIterable, Sendable {
        /// Residual blocks only.
        case plain = "DownBlock2D"
        /// Residual blocks, each followed by a transformer.
        case crossAttention = "CrossAttnDownBlock2D"
    }

    /// What stands beside a resolution's residual blocks on the way up.
    public enum UpBlockType: String, CaseIterable, Sendable {
        /// Residual blocks only.
        case plain = "UpBlock2D"
        /// Residual blocks, each followed by a transformer.
        case crossAttention = "CrossAttnUpBlock2D"
    }

    /// What stands between the way down and the way up.
    public enum MidBlockType: String, CaseIterable, Sendable {
        /// A transformer between two residual blocks.
        case crossAttention = "UNetMidBlock2DCrossAttn"
        /// One residual block.
        case plain = "UNetMidBlock2D"
    }

    /// The fields of diffusers' `unet/config.json`, with diffusers' defaults.
    ///
    /// Lists have one entry a block, outermost block first. Fields of diffusers that this library supports with one value
    /// only have no property; reading a file that sets them otherwise throws ``ModelError``.
    public struct Configuration: Sendable, Equatable {
        /// `sample_size`: height and width of the latents the network was trained on, nil where the file has none.
        public var sampleSize: LatentSize?
        /// `in_channels`.
        public var inputChannels = 4
        /// `out_channels`.
        public var outputChannels = 4
        /// `center_input_sample`: whether the input becomes 2x − 1 first.
        public var centersInput = false
        /// `flip_sin_to_cos`: whether the timestep's cosines stand before its sines.
        public var flipsSineToCosine = true
        /// `freq_shift`: subtracted from the number of frequencies in the timestep's embedding.
        public var frequencyShift = 0.0
        /// `time_embedding_dim`; nil means four times the first of ``blockChannels``.
        public var timeEmbeddingWidth: Int?
        /// `down_block_types`.
        public var downBlockTypes: [DownBlockType] = [.crossAttention, .crossAttention, .crossAttention, .plain]
        /// `mid_block_type`; nil means that the way up begins with the last map of the way down, as in BK-SDM (arXiv 2305.15798)
        /// and its descendants.
        public var midBlockType: MidBlockType? = .crossAttention
        /// `up_block_types`, innermost first.
        public var upBlockTypes: [UpBlockType] = [.plain, .crossAttention, .crossAttention, .crossAttention]
        /// `block_out_channels`.
        public var blockChannels = [320, 640, 1280, 1280]
        /// `layers_per_block`: residual blocks a block on the way down; one more on the way up.
        public var layersPerBlock = [2, 2, 2, 2]
        /// `downsample_padding`.
        public var downsamplePadding = 1
        /// `act_fn`.
        public var activation = ActivationName.silu
        /// `norm_num_groups`.
        public var normalizationGroups = 32
        /// `norm_eps`.
        public var normalizationEpsilon = 1e-5
        /// `cross_attention_dim`: the width of the text embeddings each block attends to.
        public var crossAttentionWidths = [1280, 1280, 1280, 1280]
        /// `transformer_layers_per_block`: transformer blocks in each transformer.
        public var transformerLayers = [1, 1, 1, 1]
        /// `reverse_transformer_layers_per_block`, innermost first; nil means ``transformerLayers`` reversed.
        public var upTransformerLayers: [Int]?
        /// `num_attention_heads`, or else `attention_head_dim`, which in spite of its name is the number of heads.
        public var headCounts = [8, 8, 8, 8]
        /// `use_linear_projection`: whether transformers are entered and left by linear layers or 1×1 convolutions.
        public var usesLinearProjection = false
        /// `upcast_attention`; kept for saving, since everything here is Float32.
        public var upcastsAttention = false
        /// `conv_in_kernel`.
        public var inputKernelSize = 3
        /// `conv_out_kernel`.
        public var outputKernelSize = 3

        /// diffusers' defaults, which are nearly those of Stable Diffusion 1.5.
        public init() {}

        /// The width of the timestep's embedding after its two layers.
        var timeWidth: Int { timeEmbeddingWidth ?? 4 * blockChannels[0] }

        /// Layers that have weights of their own, at least.
        var layerCount: Int {
            blockChannels.indices.reduce(0) { sum, block in
                let down = downBlockTypes[block] == .crossAttention ? 1 + transformerLayers[block] : 1
                let mirrored = blockChannels.count - 1 - block
                let up = upBlockTypes[mirrored] == .crossAttention ? 1 + transformerLayersUpwards[mirrored] : 1
                return sum + layersPerBlock[block] * (down + up)
            }
        }

        /// Transformer blocks in the transformers of each up block, innermost first.
        var transformerLayersUpwards: [Int] { upTransformerLayers ?? transformerLayers.reversed() }
    }
}

/// Height and width of latents, written in a configuration as one number where they agree.
public struct LatentSize: Sendable, Hashable {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// A size in latent pixels.
    public init(height: Int, width: Int) {
        (self.height, self.width) = (height, width)
    }
}

/// The names of activation functions in configuration files.
public enum ActivationName: String, CaseIterable, Sendable {
    /// x · sigmoid(x).
    case silu
    /// The same as ``silu``.
    case swish
    /// x · Φ(x).
    case gelu
    /// x · sigmoid(1.702 x), of OpenAI's CLIP.
    case quickGELU = "quick_gelu"

    /// The function of this name.
    public var function: Activation {
        switch self {
        case .silu, .swish: .silu
        case .gelu: .gelu
        case .quickGELU: .quickGELU
        }
    }
}
