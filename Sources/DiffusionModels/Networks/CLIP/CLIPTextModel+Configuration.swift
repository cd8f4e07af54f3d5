extension CLIPTextModel {
    /// The fields of transformers' `text_encoder/config.json`, with transformers' defaults.
    public struct Configuration: Sendable, Equatable {
        /// `vocab_size`.
        public var vocabularySize = 49_408
        /// `hidden_size`: the width of the embeddings.
        public var width = 512
        /// `intermediate_size`: the width between the two layers of each feed-forward network.
        public var feedForwardWidth = 2048
        /// `projection_dim`: the width of the pooled embedding, with ``hasProjection``; otherwise only kept for saving.
        public var projectionWidth = 512
        /// Whether the network is transformers' `CLIPTextModelWithProjection`, which projects the end token's state to a pooled embedding.
        public var hasProjection = false
        /// `num_hidden_layers`.
        public var layers = 12
        /// `num_attention_heads`.
        public var heads = 8
        /// `max_position_embeddings`: the maximum number of tokens in a prompt.
        public var maximumPositions = 77
        /// `hidden_act`.
        public var activation = ActivationName.quickGELU
        /// `layer_norm_eps`.
        public var normalizationEpsilon = 1e-5
        /// `bos_token_id`; only kept for saving, since the tokenizer's own is used.
        public var startToken = 49_406
        /// `eos_token_id`: the token whose state is pooled. 2, in files of older versions of transformers, means the largest id.
        public var endToken = 49_407
        /// `pad_token_id`; only kept for saving.
        public var paddingToken = 1

        /// transformers' defaults.
        public init() {}
    }
}

extension CLIPTextModel.Configuration: Codable {
    /// Reads transformers' fields. Throws ``ModelError`` for a field that is malformed, contradictory or not supported.
    public init(from decoder: any Decoder) throws {
        try self.init(ConfigurationFields(from: decoder))
    }

    package init(_ fields: ConfigurationFields) throws {
        let extent = 1...65_536
        let tokens = 0...16_777_216
        try fields.require("model_type", toBe: .string("clip_text_model"))
        vocabularySize = try fields.integer("vocab_size", default: 49_408, in: 1...16_777_216)
        width = try fields.integer("hidden_size", default: 512, in: extent)
        feedForwardWidth = try fields.integer("intermediate_size", default: 2048, in: 1...1_048_576)
        projectionWidth = try fields.optionalInteger("projection_dim", in: 0...65_536) ?? 512
        layers = try fields.integer("num_hidden_layers", default: 12, in: 1...1024)
        heads = try fields.integer("num_attention_heads", default: 8, in: 1...4096)
        maximumPositions = try fields.integer("max_position_embeddings", default: 77, in: extent)
        activation = try fields.choice("hidden_act", default: .quickGELU)
        normalizationEpsilon = try fields.number("layer_norm_eps", default: 1e-5, in: 1e-12...1)
        startToken = try fields.optionalInteger("bos_token_id", in: tokens) ?? 49_406
        endToken = try fields.optionalInteger("eos_token_id", in: tokens) ?? 49_407
        paddingToken = try fields.optionalInteger("pad_token_id", in: tokens) ?? 1
        hasProjection = fields.values["architectures"] == .array([.string(Self.projectingClass)])
        guard !hasProjection || projectionWidth > 0 else {
            throw fields.invalid("projection_dim", expected: "an integer from 1 to 65536")
        }
        guard width % heads == 0 else {
            throw fields.invalid("num_attention_heads", expected: "a divisor of hidden_size, \(width)")
        }
    }

    /// Writes transformers' fields.
    public func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// All fields as transformers writes them.
    var json: JSONValue {
        .object([
            "architectures": .array([.string(className)]),
            "model_type": .string("clip_text_model"),
            "vocab_size": .integer(vocabularySize),
            "hidden_size": .integer(width),
            "intermediate_size": .integer(feedForwardWidth),
            "projection_dim": .integer(projectionWidth),
            "num_hidden_layers": .integer(layers),
            "num_attention_heads": .integer(heads),
            "max_position_embeddings": .integer(maximumPositions),
            "hidden_act": .string(activation.rawValue),
            "layer_norm_eps": .number(normalizationEpsilon),
            "bos_token_id": .integer(startToken),
            "eos_token_id": .integer(endToken),
            "pad_token_id": .integer(paddingToken),
        ])
    }

    /// transformers' class of a text model with a projection.
    static let projectingClass = "CLIPTextModelWithProjection"
    /// transformers' class.
    var className: String { hasProjection ? Self.projectingClass : "CLIPTextModel" }
}
