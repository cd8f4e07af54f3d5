import Tensor

/// The autoencoder of a single file: `AutoencoderKL` of CompVis's latent-diffusion code. Its decoder numbers its levels from the
/// outermost, as its encoder does.
struct LatentDiffusionAutoencoder: SingleFileNetwork {
    let fields: [String: JSONValue]
    private let levels: Int

    /// - Parameters:
    ///   - tensors: the network's tensors.
    ///   - scalingFactor: the family's scaling factor.
    ///   - side: height and width of the images it was trained on.
    ///
    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    init(_ tensors: PrefixedTensors, scalingFactor: Double = 0.18215, side: Int = 512) throws {
        let entrance = try tensors.shape("encoder.conv_in.weight", rank: 4)
        let exit = try tensors.shape("decoder.conv_out.weight", rank: 4)
        let latentChannels = try tensors.shape("decoder.conv_in.weight", rank: 4)[1]
        levels = max(tensors.count { "encoder.down.\($0).block.0.conv1.weight" }, 1)
        let channels = try (0..<levels).map { level in
            try tensors.shape("encoder.down.\(level).block.0.conv1.weight", rank: 4)[0]
        }
        func types(_ name: String) -> JSONValue { .array(channels.map { _ in .string(name) }) }
        fields = [
            "_class_name": .string("AutoencoderKL"),
            "in_channels": .integer(entrance[1]),
            "out_channels": .integer(exit[0]),
            "latent_channels": .integer(latentChannels),
            "block_out_channels": .array(channels.map { .integer($0) }),
            "layers_per_block": .integer(tensors.count { "encoder.down.0.block.\($0).conv1.weight" }),
            "down_block_types": types("DownEncoderBlock2D"),
            "up_block_types": types("UpDecoderBlock2D"),
            "sample_size": .integer(side),
            "scaling_factor": .number(scalingFactor),
            "mid_block_add_attention": .boolean(tensors.contains("encoder.mid.attn_1.q.weight")),
            "use_quant_conv": .boolean(tensors.contains("quant_conv.weight")),
            "use_post_quant_conv": .boolean(tensors.contains("post_quant_conv.weight")),
        ]
    }

    func names(for key: String) -> [String]? {
        var words = key.split(separator: ".").map(String.init)
        guard let first = words.first else { return nil }
        if first == "loss" || first == "model_ema" { return [] }
        if first == "quant_conv" || first == "post_quant_conv" { return [key] }
        guard first == "encoder" || first == "decoder", words.count >= 3 else { return nil }
        let rest: [String]
        switch (words[1], words[2]) {
        case ("conv_in", _), ("conv_out", _): return [key]
        case ("norm_out", _): rest = ["conv_norm_out"] + words[2...]
        case ("mid", "block_1"): rest = ["mid_block", "resnets", "0"] + words[3...]
        case ("mid", "block_2"): rest = ["mid_block", "resnets", "1"] + words[3...]
        case ("mid", "attn_1"): rest = ["mid_block", "attentions", "0"] + Self.attention(words[3...])
        case ("down", _), ("up", _):
            guard let level = Int(words[2]), words.count >= 5 else { return nil }
            let block = first == "decoder" ? levels - 1 - level : level
            rest = ["\(words[1])_blocks", "\(block)"] + Self.block(words[3...])
        default: return nil
        }
        words = [first] + rest
        return [words.joined(separator: ".").replacing(".nin_shortcut.", with: ".conv_shortcut.")]
    }

    private static func attention(_ words: ArraySlice<String>) -> [String] {
        let names = ["norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"]
        return words.prefix(1).map { names[$0] ?? $0 } + words.dropFirst()
    }

    private static func block(_ words: ArraySlice<String>) -> [String] {
        let names = ["block": "resnets", "downsample": "downsamplers.0", "upsample": "upsamplers.0"]
        return words.prefix(1).map { names[$0] ?? $0 } + words.dropFirst()
    }
}
