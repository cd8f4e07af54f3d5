extension AutoencoderTiny {
    /// The fields of diffusers' `config.json`, with diffusers' defaults.
    public struct Configuration: Sendable, Equatable {
        /// `in_channels`: the image's channels.
        public var inputChannels = 3
        /// `out_channels`.
        public var outputChannels = 3
        /// `encoder_block_out_channels`, outermost first.
        public var encoderChannels = [64, 64, 64, 64]
        /// `decoder_block_out_channels`, innermost first.
        public var decoderChannels = [64, 64, 64, 64]
        /// Whether there is an encoder; TAESD's original files contain only the decoder.
        public var hasEncoder = true
        /// `num_encoder_blocks`, one number per width.
        public var encoderBlocks = [1, 3, 3, 3]
        /// `num_decoder_blocks`, one number per width.
        public var decoderBlocks = [3, 3, 3, 1]
        /// `latent_channels`.
        public var latentChannels = 4
        /// `upsampling_scaling_factor`.
        public var upsamplingFactor = 2
        /// `scaling_factor`: the factor by which latents are multiplied before the denoising network.
        public var scalingFactor = 1.0

        /// TAESD's configuration.
        public init() {}

        /// Image pixels per latent pixel in each direction.
        public var pixelsPerLatent: Int {
            decoderChannels.dropFirst().reduce(1) { factor, _ in factor * upsamplingFactor }
        }

        /// A lower bound on the number of layers with weights.
        var layerCount: Int {
            let encoder = hasEncoder ? encoderBlocks.reduce(encoderBlocks.count, +) : 0
            return encoder + decoderBlocks.reduce(decoderBlocks.count, +)
        }
    }
}

extension AutoencoderTiny.Configuration {
    init(_ fields: ConfigurationFields) throws {
        let extent = 1...65_536
        try fields.require("_class_name", toBe: .string("AutoencoderTiny"))
        try fields.require("act_fn", toBe: .string("relu"))
        try fields.require("upsample_fn", toBe: .string("nearest"))
        try fields.require("shift_factor", toBe: .integer(0))
        hasEncoder = try fields.boolean("has_encoder", default: true)
        inputChannels = try fields.integer("in_channels", default: 3, in: extent)
        outputChannels = try fields.integer("out_channels", default: 3, in: extent)
        encoderChannels = try fields.integers("encoder_block_out_channels", default: encoderChannels, in: extent)
        decoderChannels = try fields.integers("decoder_block_out_channels", default: decoderChannels, in: extent)
        encoderBlocks = try fields.integers("num_encoder_blocks", default: encoderBlocks, in: 0...1024)
        decoderBlocks = try fields.integers("num_decoder_blocks", default: decoderBlocks, in: 0...1024)
        latentChannels = try fields.integer("latent_channels", default: 4, in: extent)
        upsamplingFactor = try fields.integer("upsampling_scaling_factor", default: 2, in: 1...16)
        scalingFactor = try fields.number("scaling_factor", default: 1, in: 1e-6...1e6)
        guard encoderChannels.count <= 16, decoderChannels.count <= 16,
            upsamplingFactor <= 2 || decoderChannels.count <= 4
        else { throw fields.invalid("decoder_block_out_channels", expected: "at most 16 widths") }
        for (field, blocks, channels) in [
            ("num_encoder_blocks", encoderBlocks, encoderChannels),
            ("num_decoder_blocks", decoderBlocks, decoderChannels),
        ] where blocks.count != channels.count {
            throw fields.invalid(field, expected: "a list of \(channels.count) integers (one per width)")
        }
        for (field, channels) in [
            ("encoder_block_out_channels", encoderChannels), ("decoder_block_out_channels", decoderChannels),
        ] where !channels.allSatisfy({ $0 == channels[0] }) {
            // With unequal widths diffusers builds networks whose layers do not match.
            throw fields.unsupported(field, expected: "equal widths")
        }
    }
}
