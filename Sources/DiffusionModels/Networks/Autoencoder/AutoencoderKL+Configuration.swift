extension AutoencoderKL {
    /// The fields of diffusers' `vae/config.json`, with diffusers' defaults.
    ///
    /// Fields for which this library supports a single value have no property; reading a file with another value throws
    /// ``ModelError``.
    public struct Configuration: Sendable, Equatable {
        /// `in_channels`: the image's channels.
        public var inputChannels = 3
        /// `out_channels`.
        public var outputChannels = 3
        /// `block_out_channels`, outermost block first.
        public var blockChannels = [64]
        /// `layers_per_block`: residual blocks per encoder block; decoder blocks have one more.
        public var layersPerBlock = 1
        /// `act_fn`.
        public var activation = ActivationName.silu
        /// `latent_channels`.
        public var latentChannels = 4
        /// `norm_num_groups`.
        public var normalizationGroups = 32
        /// `sample_size`: the side of the training images in pixels.
        public var sampleSize = 32
        /// `scaling_factor`: the factor by which latents are multiplied before the denoising network.
        public var scalingFactor = 0.18215
        /// `force_upcast`; only kept for saving, since all computation is in Float32.
        public var forcesUpcast = true
        /// `use_quant_conv`: whether a 1×1 convolution follows the encoder.
        public var hasQuantConvolution = true
        /// `use_post_quant_conv`: whether a 1×1 convolution precedes the decoder.
        public var hasPostQuantConvolution = true
        /// `mid_block_add_attention`: whether the middle blocks have self-attention.
        public var hasMidBlockAttention = true

        /// diffusers' defaults.
        public init() {}

        /// Image pixels per latent pixel in each direction.
        public var pixelsPerLatent: Int { 1 << (blockChannels.count - 1) }

        /// A lower bound on the number of layers with weights.
        var layerCount: Int { 2 * blockChannels.count * layersPerBlock }

        /// The settings that all residual blocks share.
        var style: BlockStyle {
            BlockStyle(groups: normalizationGroups, epsilon: 1e-6, activation: activation.function)
        }
    }
}

extension AutoencoderKL.Configuration: Codable {
    /// Reads diffusers' fields. Throws ``ModelError`` for a field that is malformed, contradictory or not supported.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    /// Throws ``ModelError`` for a setting that is out of range or contradicts another.
    package func check() throws {
        _ = try Self(ConfigurationFields(json, file: "AutoencoderKL.Configuration"))
    }

    init(_ fields: ConfigurationFields) throws {
        let extent = 1...65_536
        try fields.require("_class_name", toBe: .string("AutoencoderKL"))
        try fields.require("shift_factor", toBe: .integer(0))
        try fields.require("latents_mean", toBe: .integer(0))
        try fields.require("latents_std", toBe: .integer(1))
        try fields.require("down_block_types", toBe: .string("DownEncoderBlock2D"))
        try fields.require("up_block_types", toBe: .string("UpDecoderBlock2D"))
        inputChannels = try fields.integer("in_channels", default: 3, in: extent)
        outputChannels = try fields.integer("out_channels", default: 3, in: extent)
        blockChannels = try fields.integers("block_out_channels", default: [64], in: extent)
        layersPerBlock = try fields.integer("layers_per_block", default: 1, in: 1...64)
        activation = try fields.choice("act_fn", default: .silu)
        latentChannels = try fields.integer("latent_channels", default: 4, in: extent)
        normalizationGroups = try fields.integer("norm_num_groups", default: 32, in: extent)
        sampleSize = try fields.integer("sample_size", default: 32, in: extent)
        scalingFactor = try fields.number("scaling_factor", default: 0.18215, in: 1e-6...1e6)
        forcesUpcast = try fields.boolean("force_upcast", default: true)
        hasQuantConvolution = try fields.boolean("use_quant_conv", default: true)
        hasPostQuantConvolution = try fields.boolean("use_post_quant_conv", default: true)
        hasMidBlockAttention = try fields.boolean("mid_block_add_attention", default: true)
        try checkBlocks(fields)
    }

    private func checkBlocks(_ fields: ConfigurationFields) throws {
        guard blockChannels.count <= 16 else {
            throw fields.invalid("block_out_channels", expected: "at most 16 blocks")
        }
        guard blockChannels.allSatisfy({ $0 % normalizationGroups == 0 }) else {
            throw fields.invalid(
                "block_out_channels", expected: "multiples of norm_num_groups, \(normalizationGroups)")
        }
        for field in ["down_block_types", "up_block_types"] {
            guard let value = fields.values[field] else { continue }
            guard case .array(let types) = value, types.count == blockChannels.count else {
                throw fields.invalid(field, expected: "a list of \(blockChannels.count) names (one per block)")
            }
        }
    }

    /// Writes diffusers' fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// All fields as diffusers writes them.
    var json: JSONValue {
        let blocks = blockChannels.count
        return .object([
            "_class_name": .string("AutoencoderKL"),
            "in_channels": .integer(inputChannels),
            "out_channels": .integer(outputChannels),
            "down_block_types": .array(Array(repeating: .string("DownEncoderBlock2D"), count: blocks)),
            "up_block_types": .array(Array(repeating: .string("UpDecoderBlock2D"), count: blocks)),
            "block_out_channels": .array(blockChannels.map { .integer($0) }),
            "layers_per_block": .integer(layersPerBlock),
            "act_fn": .string(activation.rawValue),
            "latent_channels": .integer(latentChannels),
            "norm_num_groups": .integer(normalizationGroups),
            "sample_size": .integer(sampleSize),
            "scaling_factor": .number(scalingFactor),
            "force_upcast": .boolean(forcesUpcast),
            "use_quant_conv": .boolean(hasQuantConvolution),
            "use_post_quant_conv": .boolean(hasPostQuantConvolution),
            "mid_block_add_attention": .boolean(hasMidBlockAttention),
        ])
    }
}
