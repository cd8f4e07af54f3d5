/// Kinds of adapter files that are recognised by their tensor names and not supported.
enum LowRankRelative: String, CaseIterable {
    case oft = "OFT or BOFT, an orthogonal change"
    case ia3 = "IA3, factors of activations"
    case glora = "GLoRA"
    case bias = "LoRA with biases"
    case embedding = "LoRA of an embedding table"
    case difference = "differences of biases and of norms, or whole layers"
    case transformer = "LoRA of a transformer (Stable Diffusion 3, Flux)"

    /// The kind of adapter with a tensor of this name, nil when the name matches none.
    init?(tensor name: String) {
        func has(_ parts: String...) -> Bool { parts.contains { name.contains($0) } }
        func begins(_ prefixes: String...) -> Bool { prefixes.contains { name.hasPrefix($0) } }
        func ends(_ suffixes: String...) -> Bool { suffixes.contains { name.hasSuffix($0) } }
        if has(".oft_", ".boft_") {
            self = .oft
        } else if ends(".on_input") || has(".ia3_l") {
            self = .ia3
        } else if ends(".a1.weight", ".a2.weight", ".b1.weight", ".b2.weight") {
            self = .glora
        } else if ends(".lora_B.bias", ".lora_B.default.bias", ".lora_up.bias", ".lora.up.bias") {
            self = .bias
        } else if has(".lora_embedding_A", ".lora_embedding_B") {
            self = .embedding
        } else if ends(".diff_b", ".w_norm", ".b_norm") || has(".modules_to_save.") {
            self = .difference
        } else if begins("transformer.", "lora_transformer_", "text_encoder_3.") {
            self = .transformer
        } else {
            return nil
        }
    }

    /// What to do with a file of this kind.
    var advice: String {
        switch self {
        case .transformer: "it is for another family of models"
        default:
            "merge it into its model with the library that wrote it (peft: merge_and_unload), and load the merged model"
        }
    }

    /// Whether tensors of this name occur only in adapters.
    static func isTold(by name: String) -> Bool {
        Self(tensor: name).map { [.oft, .ia3, .embedding].contains($0) } ?? false
    }
}
