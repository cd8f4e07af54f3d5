/// The layer that a tensor of a LoRA file belongs to.
struct LowRankKey: Hashable, Comparable {
    /// A tensor's role in its layer.
    enum Role: String {
        /// The first matrix.
        case down
        /// The middle factor of a convolution with a further decomposition (LoCon's `lora_mid`).
        case middle
        /// The second matrix.
        case up
        /// The scale times the rank.
        case alpha
        /// DoRA's norms in peft and diffusers, one per output.
        case magnitude = "lora_magnitude_vector"
        /// DoRA's norms in other layouts, one per output or per input.
        case doraScale = "dora_scale"
        /// The difference of the weights itself.
        case difference = "diff"

        // LoHa's two products and their kernels.
        case hada1Up = "hada_w1_a"
        case hada1Down = "hada_w1_b"
        case hada1Core = "hada_t1"
        case hada2Up = "hada_w2_a"
        case hada2Down = "hada_w2_b"
        case hada2Core = "hada_t2"

        // LoKr's two factors, each whole or a product.
        case lokr1 = "lokr_w1"
        case lokr1Up = "lokr_w1_a"
        case lokr1Down = "lokr_w1_b"
        case lokr2 = "lokr_w2"
        case lokr2Up = "lokr_w2_a"
        case lokr2Down = "lokr_w2_b"
        case lokr2Core = "lokr_t2"

        /// The roles whose raw value is the ending of the tensor's name.
        fileprivate static let named: [Role] = [
            .magnitude, .doraScale, .difference, .hada1Up, .hada1Down, .hada1Core, .hada2Up, .hada2Down, .hada2Core,
            .lokr1, .lokr1Up, .lokr1Down, .lokr2, .lokr2Up, .lokr2Down, .lokr2Core,
        ]
    }

    /// A parsed tensor name.
    struct Name {
        let key: LowRankKey
        let role: Role
        /// The layer's dotted path in its network, nil if the layout does not keep the dots.
        let path: String?
    }

    let part: LowRankWeights.Part
    let flatPath: String

    static func < (a: LowRankKey, b: LowRankKey) -> Bool {
        (a.part.rawValue, a.flatPath) < (b.part.rawValue, b.flatPath)
    }

    /// The endings of all layouts; where two match, the longer comes first.
    private static let endings: [(String, Role)] =
        [
            (".lora_A.default.weight", .down), (".lora_B.default.weight", .up), (".lora_A.weight", .down),
            (".lora_B.weight", .up), (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
            (".lora.down.weight", .down), (".lora.up.weight", .up), ("_lora.down.weight", .down),
            ("_lora.up.weight", .up),
            (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_mid.weight", .middle), (".alpha", .alpha),
            (".lora_magnitude_vector.default.weight", .magnitude), (".lora_magnitude_vector.weight", .magnitude),
        ] + Role.named.map { (".\($0.rawValue)", $0) }

    private static let peftPrefix = "base_model.model."
    private static let beginnings: [(String, LowRankWeights.Part)] = [
        (peftPrefix, .unet), ("unet.", .unet), ("text_encoder.", .textEncoder), ("text_encoder_2.", .textEncoder2),
        ("lora_unet_", .unet), ("lora_te_", .textEncoder), ("lora_te1_", .textEncoder), ("lora_te2_", .textEncoder2),
    ]

    /// The prefix of transformers' text encoder in its paths.
    private static let textModel = "text_model"

    /// The supported layouts, for errors.
    static let layouts =
        "PEFT's (base_model.model.….lora_A.weight), diffusers' (unet.….lora_A.weight, unet.….lora.down.weight, "
        + "unet.….processor.to_q_lora.down.weight, text_encoder.…, text_encoder_2.…) and kohya's (lora_unet_….lora_down.weight, lora_te_…, "
        + "lora_te1_…, lora_te2_…)"

    /// Parses a tensor's name; nil when it matches none of the layouts.
    static func parse(_ name: String) -> Name? {
        guard let (ending, role) = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
        var path = String(name.dropLast(ending.count))
        var part = LowRankWeights.Part.unet
        if let (beginning, named) = beginnings.first(where: { path.hasPrefix($0.0) }) {
            path = String(path.dropFirst(beginning.count))
            part = beginning == peftPrefix && path.hasPrefix("\(textModel).") ? .textEncoder : named
        }
        // diffusers' oldest layout names the matrices after the attention processor.
        path = path.replacing(".processor.to_out", with: ".to_out.0").replacing(".processor.", with: ".")
        var flatPath = path.replacing(".", with: "_")
        // transformers 5 names the text encoder's layers without the prefix in its files.
        if part != .unet, !["\(textModel)_", "text_projection"].contains(where: flatPath.hasPrefix) {
            flatPath = "\(textModel)_\(flatPath)"
        }
        return Name(
            key: LowRankKey(part: part, flatPath: flatPath), role: role, path: path.contains(".") ? path : nil)
    }
}
