/// The names of moving averages (EMA weights) in a single file: latent-diffusion's code removes the dots.
enum AveragedNames {
    static let prefix = "model_ema.diffusion_model"

    /// The denoising network's key for a moving average, without its prefix: `input_blocks.1.0.in_layers.0.weight` for
    /// `model_ema.diffusion_modelinput_blocks10in_layers0weight`. Nil for other keys.
    static func original(of key: String) -> String? {
        guard key.hasPrefix(prefix) else { return nil }
        var (rest, parts) = (key.dropFirst(prefix.count), [String]())
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber }
            if digits.isEmpty {
                guard let word = words.first(where: rest.hasPrefix) else { return nil }
                parts.append(word)
                rest = rest.dropFirst(word.count)
            } else {
                // A block's number, then the number of a layer in it, which has one digit.
                let isBlock = ["input_blocks", "output_blocks"].contains(parts.last) && digits.count > 1
                parts += isBlock ? [String(digits.dropLast()), String(digits.suffix(1))] : [String(digits)]
                rest = rest.dropFirst(digits.count)
            }
        }
        return parts.joined(separator: ".")
    }

    /// The names of modules and parameters; a name comes before its own prefixes.
    private static let words = [
        "input_blocks", "output_blocks", "middle_block", "time_embed", "transformer_blocks", "in_layers", "out_layers",
        "emb_layers", "skip_connection", "proj_in", "proj_out", "proj", "attn1", "attn2", "to_q", "to_k", "to_v",
        "to_out",
        "norm1", "norm2", "norm3", "norm", "ff", "net", "conv", "out", "op", "weight", "bias",
    ]
}
