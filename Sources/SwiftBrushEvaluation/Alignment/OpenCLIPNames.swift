/// The transformers names of OpenCLIP's keys.
enum OpenCLIPNames {
    private static let places = [
        "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "positional_embedding": "text_model.embeddings.position_embedding.weight",
        "text_projection": "text_projection",
        "visual.class_embedding": "vision_model.embeddings.class_embedding",
        "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "visual.proj": "visual_projection",
    ]

    private static let norms = [
        "ln_final": "text_model.final_layer_norm", "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
    ]

    private static let parts = [
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    ]

    /// The names of a key: three for queries, keys and values in one matrix, none for tensors that no network needs. An unknown
    /// key keeps its name, so that loading rejects it.
    static func names(for key: String) -> [String] {
        if ["logit_scale", "logit_bias", "attn_mask"].contains(key) { return [] }
        if let place = places[key] { return [place] }
        var words = key.split(separator: ".").map(String.init)
        guard let kind = words.popLast() else { return [key] }
        if let norm = norms[words.joined(separator: ".")] { return ["\(norm).\(kind)"] }
        let isVisual = words.first == "visual"
        if isVisual { words.removeFirst() }
        guard words.count >= 4, words[..<2] == ["transformer", "resblocks"] else { return [key] }
        let layer = "\(isVisual ? "vision_model" : "text_model").encoder.layers.\(words[2])"
        let part = words[3...].joined(separator: ".")
        if part == "attn", kind.hasPrefix("in_proj_") {
            return ["q", "k", "v"].map { "\(layer).self_attn.\($0)_proj.\(kind.dropFirst("in_proj_".count))" }
        }
        return parts[part].map { ["\(layer).\($0).\(kind)"] } ?? [key]
    }
}
