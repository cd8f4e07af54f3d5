/// Which layer a tensor of a LoRA file belongs to.
struct LowRankKey: Hashable, Comparable {
    /// What a tensor is to its layer.
    enum Role {
        case down, up, alpha
    }

    let part: LowRankWeights.Part
    let flatPath: String

    static func < (a: LowRankKey, b: LowRankKey) -> Bool {
        (a.part.rawValue, a.flatPath) < (b.part.rawValue, b.flatPath)
    }

    /// The endings of all layouts, the longer of two that fit first.
    private static let endings: [(String, Role)] = [
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up), (".lora_A.weight", .down),
        (".lora_B.weight", .up), (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        (".lora.down.weight", .down), (".lora.up.weight", .up), ("_lora.down.weight", .down), ("_lora.up.weight", .up),
        (".lora_down.weight", .down), (".lora_up.weight", .up), (".alpha", .alpha),
    ]

    private static let beginnings: [(String, LowRankWeights.Part)] = [
        ("base_model.model.", .unet), ("unet.", .unet), ("text_encoder.", .textEncoder), ("lora_unet_", .unet),
        ("lora_te_", .textEncoder),
    ]

    private static let textPrefix = "text_model_"

    /// The layer and role that a tensor's name means, nil when it is in none of the layouts.
    static func parse(_ name: String) -> (key: LowRankKey, role: Role)? {
        guard let (ending, role) = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
        var path = String(name.dropLast(ending.count))
        var part = LowRankWeights.Part.unet
        if let (beginning, named) = beginnings.first(where: { path.hasPrefix($0.0) }) {
            path = String(path.dropFirst(beginning.count))
            part = named
        }
        // diffusers' oldest layout hangs the matrices on the attention's processor.
        path = path.replacing(".processor.to_out", with: ".to_out.0").replacing(".processor.", with: ".")
        path = path.replacing(".", with: "_")
        // transformers 5 names the text encoder's layers without the prefix that its files have.
        if part == .textEncoder, !path.hasPrefix(textPrefix) { path = textPrefix + path }
        return (LowRankKey(part: part, flatPath: path), role)
    }
}
