import Foundation

/// CLIP's byte-level byte-pair encoding (arXiv 2103.00020), with the ids of transformers' class of this name.
///
/// Text is normalised (NFC, runs of white space as one space, lower case), cut into words, and each word's bytes are merged
/// by rank. Special tokens that stand in the text are taken as such, which for Stable Diffusion 2's pad token means "!".
public struct CLIPTokenizer: Sendable {
    /// How many tokens an encoded prompt has: `model_max_length`.
    public let maximumLength: Int
    /// Starts every prompt.
    public let startToken: Int
    /// Ends every prompt.
    public let endToken: Int
    /// Fills what is left after the end.
    public let paddingToken: Int
    /// Stands for a byte that the vocabulary lacks.
    public let unknownToken: Int
    /// One more than the largest id.
    public let vocabularySize: Int

    private let encoding: BytePairEncoding
    /// Tokens that are recognised in the raw text, longest first.
    private let specialTokens: [(text: String, id: Int)]

    /// Reads `vocab.json`, `merges.txt`, `tokenizer_config.json` and, whose tokens win, `special_tokens_map.json`.
    ///
    /// Throws ``ModelError`` for a file that is missing, malformed, or names a token that the vocabulary lacks.
    public init(contentsOf folder: URL) throws {
        let vocabularyFile = folder.appending(path: "vocab.json")
        let data = try ModelError.reading(vocabularyFile, purpose: "the tokenizer's vocabulary")
        guard let vocabulary = try? JSONDecoder().decode([String: Int].self, from: data),
            let largest = vocabulary.values.max(), vocabulary.values.allSatisfy({ $0 >= 0 })
        else {
            throw ModelError.unreadableFile(
                path: vocabularyFile.path, reason: "it is not an object from tokens to ids from 0")
        }
        encoding = try BytePairEncoding(
            vocabulary: vocabulary, merges: folder.appending(path: "merges.txt"))
        vocabularySize = largest + 1

        let names = try SpecialTokenNames(folder)
        maximumLength = names.maximumLength
        func id(_ field: String, default fallback: String) throws -> Int {
            let name = try names.name(field, default: fallback)
            guard let id = vocabulary[name] else {
                throw ModelError.invalidField(
                    file: names.file(of: field), field: field, expected: "a token of vocab.json", found: "\"\(name)\"")
            }
            return id
        }
        let end = "<|endoftext|>"
        startToken = try id("bos_token", default: "<|startoftext|>")
        endToken = try id("eos_token", default: end)
        paddingToken = try id("pad_token", default: end)
        unknownToken = try id("unk_token", default: end)
        let special = Set([startToken, endToken, paddingToken, unknownToken])
        specialTokens = vocabulary.filter { special.contains($0.value) }
            .map { (text: $0.key, id: $0.value) }
            .sorted { ($0.text.count, $1.text) > ($1.text.count, $0.text) }
    }

    /// The ids of a prompt: start, words, end, padding; ``maximumLength`` of them. Words that do not fit are cut.
    public func encode(_ prompt: String) -> [Int] {
        let words = tokens(of: prompt).prefix(maximumLength - 2)
        let ids = [startToken] + words + [endToken]
        return ids + Array(repeating: paddingToken, count: maximumLength - ids.count)
    }

    /// The ids of a text's words alone, however many.
    public func tokens(of text: String) -> [Int] {
        var ids: [Int] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            let next = nextSpecialToken(in: rest)
            let plain = next.map { rest[..<$0.range.lowerBound] } ?? rest
            for word in words(normalizedForCLIP(plain)) { ids += encoding.tokens(of: word, unknown: unknownToken) }
            if let next { ids.append(next.id) }
            rest = next.map { rest[$0.range.upperBound...] } ?? ""
        }
        return ids
    }

    private func nextSpecialToken(in text: Substring) -> (range: Range<String.Index>, id: Int)? {
        let found = specialTokens.compactMap { token in
            text.range(of: token.text, options: .literal).map { (range: $0, id: token.id) }
        }
        return found.min { $0.range.lowerBound < $1.range.lowerBound }
    }
}

/// The tokens' names and the length limit in a tokenizer's two configuration files.
private struct SpecialTokenNames {
    private let configuration: ConfigurationFields
    private let map: ConfigurationFields?
    let maximumLength: Int

    init(_ folder: URL) throws {
        configuration = try ConfigurationFields(
            contentsOf: folder.appending(path: "tokenizer_config.json"), purpose: "the tokenizer's configuration")
        let file = folder.appending(path: "special_tokens_map.json")
        map =
            FileManager.default.fileExists(atPath: file.path)
            ? try ConfigurationFields(contentsOf: file, purpose: "the tokenizer's special tokens") : nil
        maximumLength = try configuration.integer("model_max_length", default: 77, in: 3...65_536)
    }

    func file(of field: String) -> String { (source(of: field) ?? configuration).file }

    private func source(of field: String) -> ConfigurationFields? {
        [map, configuration].compactMap { $0 }.first { !$0.isNull(field) }
    }

    /// The name of a token, given as a string or as an object with `content`.
    func name(_ field: String, default fallback: String) throws -> String {
        guard let source = source(of: field) else { return fallback }
        if case .object(let token)? = source.values[field], case .string(let content)? = token["content"] {
            return content
        }
        return try source.string(field, default: fallback)
    }
}
