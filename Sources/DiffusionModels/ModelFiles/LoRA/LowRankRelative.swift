/// Kinds of adapter files that are recognised by their tensor names and not supported.
enum LowRankRelative: String, CaseIterable {
    case dora = "DoRA, which also changes the norms of the weights"
    case loha = "LoHa, a Hadamard product of low-rank matrices"
    case lokr = "LoKr, a Kronecker product"
    case oft = "OFT, an orthogonal change"
    case ia3 = "IA3, factors of activations"
    case glora = "GLoRA"
    case bias = "LoRA with biases"
    case embedding = "LoRA of an embedding table"
    case difference = "full differences of weights"
    case xl = "LoRA of Stable Diffusion XL, which has two text encoders"
    case transformer = "LoRA of a transformer (Stable Diffusion 3, Flux)"

    /// The kind of adapter with a tensor of this name, nil when the name matches none.
    init?(tensor name: String) {
        func has(_ parts: String...) -> Bool { parts.contains { name.contains($0) } }
        func begins(_ prefixes: String...) -> Bool { prefixes.contains { name.hasPrefix($0) } }
        func ends(_ suffixes: String...) -> Bool { suffixes.contains { name.hasSuffix($0) } }
        if has(".dora_scale", "lora_magnitude_vector") {
            self = .dora
        } else if has(".hada_") {
            self = .loha
        } else if has(".lokr_") {
            self = .lokr
        } else if has(".oft_", ".boft_") {
            self = .oft
        } else if ends(".on_input") || has(".ia3_l") {
            self = .ia3
        } else if ends(".a1.weight", ".a2.weight", ".b1.weight", ".b2.weight") {
            self = .glora
        } else if ends(".lora_B.bias", ".lora_B.default.bias", ".lora_up.bias", ".lora.up.bias") {
            self = .bias
        } else if has(".lora_embedding_A", ".lora_embedding_B") {
            self = .embedding
        } else if ends(".diff", ".diff_b", ".w_norm", ".b_norm") || has(".modules_to_save.") {
            self = .difference
        } else if begins("lora_te1_", "lora_te2_", "text_encoder_2.") {
            self = .xl
        } else if begins("transformer.", "lora_transformer_", "text_encoder_3.") {
            self = .transformer
        } else {
            return nil
        }
    }

    /// Whether tensors of this name occur only in adapters.
    static func isTold(by name: String) -> Bool {
        Self(tensor: name).map { [.dora, .loha, .lokr, .oft, .ia3, .embedding].contains($0) } ?? false
    }
}
