import Tensor

/// The text encoder of Stable Diffusion 1: OpenAI's CLIP with transformers' keys, which this library uses too.
struct TransformersCLIPKeys: SingleFileNetwork {
    let fields: [String: JSONValue]

    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    init(_ tensors: PrefixedTensors) throws {
        // Files written by newer versions of transformers have no `text_model.`.
        let model = tensors.contains("embeddings.token_embedding.weight") ? "" : "text_model."
        let tokens = try tensors.shape("\(model)embeddings.token_embedding.weight", rank: 2)
        fields = CLIPTextModel.fields(
            tokens: tokens,
            positions: try tensors.shape("\(model)embeddings.position_embedding.weight", rank: 2)[0],
            feedForwardWidth: try tensors.shape("\(model)encoder.layers.0.mlp.fc1.weight", rank: 2)[0],
            layers: tensors.count { "\(model)encoder.layers.\($0).mlp.fc1.weight" }, activation: .quickGELU)
    }

    func names(for key: String) -> [String]? {
        // Other tensors of transformers' CLIPModel: the image tower, and the projections into the joint embedding space.
        if ["vision_model.", "visual_projection.", "text_projection", "logit_scale"].contains(where: key.hasPrefix) {
            return []
        }
        if key.hasSuffix("position_ids") { return [] }
        return CLIPTextModel.names(for: key)
    }
}

/// The text encoder of Stable Diffusion 2 and the second one of Stable Diffusion XL: OpenCLIP's, with queries, keys and values in one matrix.
///
/// Stable Diffusion 2 uses the output of the layer before the last, so that the last layer is not read. A file with 23 layers was
/// converted from a diffusers folder, from which the last layer has been removed already. Stable Diffusion XL uses all layers and the
/// projection, whose matrix is the transpose of a linear layer's.
struct OpenCLIPKeys: SingleFileNetwork {
    let fields: [String: JSONValue]
    private let layers: Int
    /// The width of the pooled embedding, nil where the projection is not read.
    let pooledWidth: Int?

    /// - Parameters:
    ///   - tensors: the network's tensors.
    ///   - isWhole: whether all layers and the projection are read.
    ///
    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    init(_ tensors: PrefixedTensors, isWhole: Bool = false) throws {
        let stored = tensors.count { "transformer.resblocks.\($0).mlp.c_fc.weight" }
        guard stored > 1 else {
            throw ModelError.unreadableFile(
                path: tensors.file.path, reason: "expected at least 2 layers of the text encoder, found \(stored)")
        }
        layers = isWhole || stored == 23 ? stored : stored - 1
        pooledWidth = isWhole ? try tensors.shape(Self.projection, rank: 2)[1] : nil
        var fields = CLIPTextModel.fields(
            tokens: try tensors.shape("token_embedding.weight", rank: 2),
            positions: try tensors.shape("positional_embedding", rank: 2)[0],
            feedForwardWidth: try tensors.shape("transformer.resblocks.0.mlp.c_fc.weight", rank: 2)[0],
            layers: layers, activation: .gelu)
        if let pooledWidth {
            fields["projection_dim"] = .integer(pooledWidth)
            // transformers' files say so too: the end token is the one with the largest id.
            fields["eos_token_id"] = .integer(2)
        }
        self.fields = fields
    }

    private static let projection = "text_projection"
    /// Whether a weight is stored transposed.
    static func isTransposed(_ name: String) -> Bool { name == "\(projection).weight" }

    private static let places = [
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
        "ln_final.weight": "final_layer_norm.weight", "ln_final.bias": "final_layer_norm.bias",
    ]

    private static let parts = [
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    ]

    func names(for key: String) -> [String]? {
        if key == Self.projection, pooledWidth != nil { return ["\(key).weight"] }
        if [Self.projection, "logit_scale", "attn_mask"].contains(key) || key.hasPrefix("visual.") { return [] }
        if key.hasSuffix("position_ids") { return [] }
        if let place = Self.places[key] { return ["text_model.\(place)"] }
        let words = key.split(separator: ".").map(String.init)
        guard words.count >= 5, words[0] == "transformer", words[1] == "resblocks", let layer = Int(words[2]) else {
            return nil
        }
        if layer >= layers { return [] }
        let place = "text_model.encoder.layers.\(layer)"
        if words[3...] == ["attn", "in_proj_weight"] || words[3...] == ["attn", "in_proj_bias"] {
            return ["q", "k", "v"].map { "\(place).self_attn.\($0)_proj.\(words[4].dropFirst("in_proj_".count))" }
        }
        guard let kind = words.last, let part = Self.parts[words[3..<words.count - 1].joined(separator: ".")] else {
            return nil
        }
        return ["\(place).\(part).\(kind)"]
    }
}

extension CLIPTextModel {
    /// The fields of a text encoder with heads of width 64, as in all published sizes.
    fileprivate static func fields(
        tokens: [Int], positions: Int, feedForwardWidth: Int, layers: Int, activation: ActivationName
    ) -> [String: JSONValue] {
        [
            "vocab_size": .integer(tokens[0]),
            "hidden_size": .integer(tokens[1]),
            "intermediate_size": .integer(feedForwardWidth),
            "num_hidden_layers": .integer(layers),
            "num_attention_heads": .integer(max(tokens[1] / 64, 1)),
            "max_position_embeddings": .integer(positions),
            "hidden_act": .string(activation.rawValue),
        ]
    }
}
