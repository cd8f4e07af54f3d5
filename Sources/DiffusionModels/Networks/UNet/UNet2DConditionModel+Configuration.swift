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
        /// `time_cond_proj_dim`: the width of the embedding of the guidance scale, which networks distilled with guidance read, as latent
        /// consistency models do; nil for networks that read none.
        public var guidanceEmbeddingWidth: Int?
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
        public var transformerLayers: [TransformerDepth] = [1, 1, 1, 1]
        /// `reverse_transformer_layers_per_block`, innermost first; nil means ``transformerLayers`` reversed.
        public var upTransformerLayers: [TransformerDepth]?
        /// `num_attention_heads`, or else `attention_head_dim`, which in spite of its name is the number of heads.
        public var headCounts = [8, 8, 8, 8]
        /// `use_linear_projection`: whether transformers are entered and left by linear layers or 1×1 convolutions.
        public var usesLinearProjection = false
        /// `upcast_attention`; kept for saving, since everything here is Float32.
        public var upcastsAttention = false
        /// `addition_time_embed_dim`: the width of the embedding of each of the six size ids, in networks of Stable Diffusion XL's kind
        /// (`addition_embed_type` `text_time`); nil for networks that read neither size ids nor a pooled text embedding.
        public var sizeEmbeddingWidth: Int?
        /// The width of the pooled text embedding: `projection_class_embeddings_input_dim` less six times ``sizeEmbeddingWidth``, if that
        /// is not nil.
        public var pooledWidth = 1280
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
                let down = downBlockTypes[block] == .crossAttention ? 1 + transformerLayers[block].least : 1
                let mirrored = blockChannels.count - 1 - block
                let up = upBlockTypes[mirrored] == .crossAttention ? 1 + transformerLayersUpwards[mirrored].least : 1
                return sum + layersPerBlock[block] * (down + up)
            }
        }

        /// Transformer blocks in the transformers of each up block, innermost first.
        var transformerLayersUpwards: [TransformerDepth] { upTransformerLayers ?? transformerLayers.reversed() }
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

extension UNet2DConditionModel.Configuration: Codable {
    /// Reads diffusers' fields. Throws ``ModelError`` for a field that is malformed, contradictory or not supported.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    init(_ fields: ConfigurationFields) throws {
        let extent = 1...65_536
        try Self.refuseUnsupported(fields)
        sampleSize = try fields.latentSize("sample_size")
        inputChannels = try fields.integer("in_channels", default: 4, in: extent)
        outputChannels = try fields.integer("out_channels", default: 4, in: extent)
        centersInput = try fields.boolean("center_input_sample", default: false)
        flipsSineToCosine = try fields.boolean("flip_sin_to_cos", default: true)
        frequencyShift = try fields.number("freq_shift", default: 0, in: 0...1)
        timeEmbeddingWidth = try fields.optionalInteger("time_embedding_dim", in: extent)
        guidanceEmbeddingWidth = try fields.optionalInteger("time_cond_proj_dim", in: 4...65_536)

        blockChannels = try fields.integers("block_out_channels", default: blockChannels, in: extent)
        let blocks = blockChannels.count
        guard blocks <= 16 else { throw fields.invalid("block_out_channels", expected: "at most 16 blocks") }
        downBlockTypes = try fields.choices("down_block_types", blocks: blocks, default: downBlockTypes)
        midBlockType =
            fields.values["mid_block_type"] == .null
            ? nil : try fields.choice("mid_block_type", default: .crossAttention)
        upBlockTypes = try fields.choices("up_block_types", blocks: blocks, default: upBlockTypes)
        layersPerBlock = try fields.integersPerBlock("layers_per_block", blocks: blocks, default: 2, in: 1...64)
        downsamplePadding = try fields.integer("downsample_padding", default: 1, in: 0...1)
        activation = try fields.choice("act_fn", default: .silu)
        normalizationGroups = try fields.integer("norm_num_groups", default: 32, in: extent)
        normalizationEpsilon = try fields.number("norm_eps", default: 1e-5, in: 1e-12...1)
        crossAttentionWidths = try fields.integersPerBlock(
            "cross_attention_dim", blocks: blocks, default: 1280, in: extent)
        transformerLayers = try fields.depths("transformer_layers_per_block", layers: layersPerBlock)
        if !fields.isNull("reverse_transformer_layers_per_block") {
            upTransformerLayers = try fields.depths(
                "reverse_transformer_layers_per_block", layers: layersPerBlock.reversed().map { $0 + 1 })
        } else if transformerLayers.contains(where: { $0.perLayer != nil }) {
            throw fields.invalid("reverse_transformer_layers_per_block", expected: "a depth per layer of the up blocks")
        }
        let heads = fields.isNull("num_attention_heads") ? "attention_head_dim" : "num_attention_heads"
        headCounts = try fields.integersPerBlock(heads, blocks: blocks, default: 8, in: 1...4096)
        usesLinearProjection = try fields.boolean("use_linear_projection", default: false)
        upcastsAttention = try fields.boolean("upcast_attention", default: false)
        try readAddition(fields)
        inputKernelSize = try fields.integer("conv_in_kernel", default: 3, in: 1...31)
        outputKernelSize = try fields.integer("conv_out_kernel", default: 3, in: 1...31)
        try checkDivisibility(fields, headsField: heads)
    }

    /// Refuses the fields that only one value of is supported.
    private static func refuseUnsupported(_ fields: ConfigurationFields) throws {
        try fields.require("_class_name", toBe: .string("UNet2DConditionModel"))
        let absent = [
            "encoder_hid_dim", "encoder_hid_dim_type", "class_embed_type", "num_class_embeds", "time_embedding_act_fn",
            "timestep_post_act", "cross_attention_norm",
        ]
        for field in absent { try fields.require(field) }
        let disabled = [
            "only_cross_attention", "mid_block_only_cross_attention", "dual_cross_attention", "resnet_skip_time_act",
            "class_embeddings_concat",
        ]
        for field in disabled { try fields.require(field, toBe: .boolean(false)) }
        try fields.require("dropout", toBe: .integer(0))
        try fields.require("mid_block_scale_factor", toBe: .integer(1))
        try fields.require("resnet_out_scale_factor", toBe: .integer(1))
        try fields.require("resnet_time_scale_shift", toBe: .string("default"))
        try fields.require("time_embedding_type", toBe: .string("positional"))
        try fields.require("attention_type", toBe: .string("default"))
    }

    /// Reads the embedding of the pooled text and of the size ids.
    private mutating func readAddition(_ fields: ConfigurationFields) throws {
        try fields.require("addition_embed_type", toBe: .string("text_time"))
        let (size, input) = ("addition_time_embed_dim", "projection_class_embeddings_input_dim")
        guard !fields.isNull("addition_embed_type") else {
            for field in [size, input] { try fields.require(field) }
            return
        }
        let width = try fields.integer(size, default: nil, in: 1...65_536)
        guard width % 2 == 0, frequencyShift < Double(width / 2) else {
            throw fields.invalid(size, expected: "an even number, for sines and cosines")
        }
        sizeEmbeddingWidth = width
        pooledWidth = try fields.integer(input, default: nil, in: 1...1_048_576) - 6 * width
        guard pooledWidth > 0 else {
            throw fields.invalid(input, expected: "more than six times \(size), \(width)")
        }
    }

    private func checkDivisibility(_ fields: ConfigurationFields, headsField: String) throws {
        guard inputKernelSize % 2 == 1 else { throw fields.invalid("conv_in_kernel", expected: "an odd number") }
        guard outputKernelSize % 2 == 1 else { throw fields.invalid("conv_out_kernel", expected: "an odd number") }
        for (block, channels) in blockChannels.enumerated() {
            guard channels % normalizationGroups == 0 else {
                throw fields.invalid(
                    "block_out_channels", expected: "multiples of norm_num_groups, \(normalizationGroups)")
            }
            guard channels % headCounts[block] == 0 else {
                throw fields.invalid(headsField, expected: "divisors of block_out_channels, \(blockChannels)")
            }
        }
        guard blockChannels[0] % 2 == 0, frequencyShift < Double(blockChannels[0] / 2) else {
            throw fields.invalid("block_out_channels", expected: "an even first number, for sines and cosines")
        }
    }

    /// Writes diffusers' fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// All fields as diffusers writes them.
    var json: JSONValue {
        var fields = Self.constantFields
        fields["sample_size"] = sampleSize.map(\.json) ?? .null
        fields["in_channels"] = .integer(inputChannels)
        fields["out_channels"] = .integer(outputChannels)
        fields["center_input_sample"] = .boolean(centersInput)
        fields["flip_sin_to_cos"] = .boolean(flipsSineToCosine)
        fields["freq_shift"] = Int(exactly: frequencyShift).map { .integer($0) } ?? .number(frequencyShift)
        fields["time_embedding_dim"] = timeEmbeddingWidth.map { .integer($0) } ?? .null
        fields["time_cond_proj_dim"] = guidanceEmbeddingWidth.map { .integer($0) } ?? .null
        fields["down_block_types"] = .names(downBlockTypes)
        fields["mid_block_type"] = midBlockType.map { .string($0.rawValue) } ?? .null
        fields["up_block_types"] = .names(upBlockTypes)
        fields["block_out_channels"] = .array(blockChannels.map { .integer($0) })
        fields["layers_per_block"] = .perBlock(layersPerBlock)
        fields["downsample_padding"] = .integer(downsamplePadding)
        fields["act_fn"] = .string(activation.rawValue)
        fields["norm_num_groups"] = .integer(normalizationGroups)
        fields["norm_eps"] = .number(normalizationEpsilon)
        fields["cross_attention_dim"] = .perBlock(crossAttentionWidths)
        fields["transformer_layers_per_block"] = .perBlock(transformerLayers.map(\.json))
        fields["reverse_transformer_layers_per_block"] = upTransformerLayers.map { .array($0.map(\.json)) } ?? .null
        fields["attention_head_dim"] = .perBlock(headCounts)
        fields["use_linear_projection"] = .boolean(usesLinearProjection)
        fields["upcast_attention"] = .boolean(upcastsAttention)
        if let sizeEmbeddingWidth {
            fields["addition_embed_type"] = .string("text_time")
            fields["addition_time_embed_dim"] = .integer(sizeEmbeddingWidth)
            fields["projection_class_embeddings_input_dim"] = .integer(pooledWidth + 6 * sizeEmbeddingWidth)
        }
        fields["conv_in_kernel"] = .integer(inputKernelSize)
        fields["conv_out_kernel"] = .integer(outputKernelSize)
        return .object(fields)
    }

    private static let constantFields: [String: JSONValue] = [
        "_class_name": .string("UNet2DConditionModel"),
        "num_attention_heads": .null,
        "only_cross_attention": .boolean(false),
        "dual_cross_attention": .boolean(false),
        "dropout": .number(0),
        "mid_block_scale_factor": .integer(1),
        "resnet_time_scale_shift": .string("default"),
        "time_embedding_type": .string("positional"),
    ]
}

extension ConfigurationFields {
    /// A size given as one number or as height and width.
    func latentSize(_ field: String) throws -> LatentSize? {
        if isNull(field) { return nil }
        let sides = try integersPerBlock(field, blocks: 2, default: 1, in: 1...65_536)
        return LatentSize(height: sides[0], width: sides[1])
    }
}

extension LatentSize {
    var json: JSONValue { .perBlock([height, width]) }
}
