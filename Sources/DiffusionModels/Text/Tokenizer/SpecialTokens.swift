import Foundation

/// The special tokens of a tokenizer's configuration files, resolved as transformers 5 does.
///
/// If `tokenizer_config.json` describes all added tokens (`added_tokens_decoder`), it is the only source. Otherwise the tokens in
/// `special_tokens_map.json` override its own.
struct SpecialTokens {
    /// A token's content, and whether it is matched in the normalised text instead of the raw one.
    struct Token {
        let content: String
        let id: Int
        let isNormalized: Bool
    }

    let maximumLength: Int
    let start: Int
    let end: Int
    let padding: Int
    let unknown: Int
    /// All tokens that are recognised in the text, without duplicates.
    let recognized: [Token]

    /// Throws ``ModelError`` for a file that is missing or malformed, or a token that is not in the vocabulary.
    init(_ folder: URL, _ files: TokenizerFiles) throws {
        let configuration = try ConfigurationFields(
            contentsOf: folder.appending(path: "tokenizer_config.json"), purpose: "the tokenizer's configuration")
        maximumLength = try configuration.integer("model_max_length", default: 77, in: 3...65_536)
        let (sources, described) = try Self.read(folder, configuration, files)
        var recognized: [String: Token] = [:]
        func recognize(_ token: AddedTokenFields, id: Int, in source: ConfigurationFields, _ field: String) throws {
            for (flag, value) in [
                ("lstrip", token.lstrip), ("rstrip", token.rstrip), ("single_word", token.single_word),
            ] where value == true {
                throw source.unsupported(field, expected: "a token without \(flag)")
            }
            recognized[token.content] = Token(
                content: token.content, id: id, isNormalized: token.normalized ?? !(token.special ?? true))
        }
        for token in described.values {
            guard let id = files.vocabulary[token.content] ?? token.id else { continue }
            try recognize(token, id: id, in: configuration, "added_tokens_decoder")
        }
        func named(_ field: String, default fallback: String) throws -> Int {
            let source = sources.first { !$0.isNull(field) } ?? configuration
            var token = AddedTokenFields(content: fallback)
            if !source.isNull(field) {
                let object = source.values[field].flatMap(AddedTokenFields.init)
                token = try object ?? AddedTokenFields(content: source.string(field, default: fallback))
            }
            token = described[token.content] ?? token
            guard let id = files.vocabulary[token.content] ?? token.id else {
                throw ModelError.invalidField(
                    file: source.file, field: field, expected: "a token of the vocabulary",
                    found: "\"\(token.content)\"")
            }
            try recognize(token, id: id, in: source, field)
            return id
        }
        // In transformers' order: if a token is named twice, the last description is used.
        start = try named("bos_token", default: "<|startoftext|>")
        end = try named("eos_token", default: "<|endoftext|>")
        unknown = try named("unk_token", default: "<|endoftext|>")
        padding = try named("pad_token", default: "<|endoftext|>")
        self.recognized = recognized.values.sorted { $0.content < $1.content }
    }

    /// The files in which special tokens are looked up, in order of precedence, and all tokens with a description, by their
    /// contents.
    private static func read(
        _ folder: URL, _ configuration: ConfigurationFields, _ files: TokenizerFiles
    ) throws -> (sources: [ConfigurationFields], described: [String: AddedTokenFields]) {
        var described: [String: AddedTokenFields] = [:]
        if case .object(let tokens)? = configuration.values["added_tokens_decoder"] {
            for (id, value) in tokens {
                guard var token = AddedTokenFields(value), let id = Int(id),
                    (0...TokenizerFiles.largestID).contains(id)
                else {
                    throw configuration.invalid("added_tokens_decoder", expected: "an object from ids to tokens")
                }
                token.id = id
                described[token.content] = token
            }
            return ([configuration], described)
        }
        for token in try files.addedTokens + later(folder) { described[token.content] = token }
        let map = folder.appending(path: "special_tokens_map.json")
        guard FileManager.default.fileExists(atPath: map.path) else { return ([configuration], described) }
        let named = try ConfigurationFields(contentsOf: map, purpose: "the tokenizer's special tokens")
        return ([named, configuration], described)
    }

    /// The tokens of `added_tokens.json`, which textual inversion writes.
    private static func later(_ folder: URL) throws -> [AddedTokenFields] {
        let file = folder.appending(path: "added_tokens.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return [] }
        let fields = try ConfigurationFields(contentsOf: file, purpose: "the tokenizer's added tokens")
        return try fields.values.map { content, _ in
            let id = try fields.integer(content, default: nil, in: 0...TokenizerFiles.largestID)
            return AddedTokenFields(id: id, content: content, special: false)
        }
    }
}

extension AddedTokenFields {
    /// A token that a configuration file stores as an object with `content`.
    init?(_ value: JSONValue) {
        guard case .object(let fields) = value, case .string(let content)? = fields["content"] else { return nil }
        func flag(_ name: String) -> Bool? { if case .boolean(let flag)? = fields[name] { flag } else { nil } }
        self.init(
            content: content, normalized: flag("normalized"), special: flag("special"), lstrip: flag("lstrip"),
            rstrip: flag("rstrip"), single_word: flag("single_word"))
    }
}
