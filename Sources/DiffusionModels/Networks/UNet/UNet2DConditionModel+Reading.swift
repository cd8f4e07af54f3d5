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
        transformerLayers = try fields.integersPerBlock(
            "transformer_layers_per_block", blocks: blocks, default: 1, in: 1...64)
        if !fields.isNull("reverse_transformer_layers_per_block") {
            upTransformerLayers = try fields.integersPerBlock(
                "reverse_transformer_layers_per_block", blocks: blocks, default: 1, in: 1...64)
        }
        let heads = fields.isNull("num_attention_heads") ? "attention_head_dim" : "num_attention_heads"
        headCounts = try fields.integersPerBlock(heads, blocks: blocks, default: 8, in: 1...4096)
        usesLinearProjection = try fields.boolean("use_linear_projection", default: false)
        upcastsAttention = try fields.boolean("upcast_attention", default: false)
        inputKernelSize = try fields.integer("conv_in_kernel", default: 3, in: 1...31)
        outputKernelSize = try fields.integer("conv_out_kernel", default: 3, in: 1...31)
        try checkDivisibility(fields, headsField: heads)
    }

    /// Refuses the fields that only one value of is supported.
    private static func refuseUnsupported(_ fields: ConfigurationFields) throws {
        try fields.require("_class_name", toBe: .string("UNet2DConditionModel"))
        let absent = [
            "encoder_hid_dim", "encoder_hid_dim_type", "class_embed_type", "addition_embed_type",
            "addition_time_embed_dim", "num_class_embeds", "time_embedding_act_fn", "timestep_post_act",
            "time_cond_proj_dim", "projection_class_embeddings_input_dim", "cross_attention_norm",
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
        fields["transformer_layers_per_block"] = .perBlock(transformerLayers)
        fields["reverse_transformer_layers_per_block"] =
            upTransformerLayers.map { .array($0.map { .integer($0) }) } ?? .null
        fields["attention_head_dim"] = .perBlock(headCounts)
        fields["use_linear_projection"] = .boolean(usesLinearProjection)
        fields["upcast_attention"] = .boolean(upcastsAttention)
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
