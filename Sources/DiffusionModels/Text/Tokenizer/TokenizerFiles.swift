import Foundation

/// A tokenizer's vocabulary and merges, from `vocab.json` and `merges.txt` or from transformers 5's `tokenizer.json`.
struct TokenizerFiles {
    let vocabulary: [String: Int]
    let merges: [(left: String, right: String)]
    /// The added tokens of `tokenizer.json`; empty when the other files are read.
    let addedTokens: [AddedTokenFields]
    private let vocabularyPath: String
    private let mergesFile: String
    /// The line number of each merge, counted from 1.
    private let mergeLines: [Int]

    /// Throws ``ModelError`` for a file that is missing or malformed.
    init(_ folder: URL) throws {
        let vocabularyFile = folder.appending(path: "vocab.json")
        let single = folder.appending(path: "tokenizer.json")
        if !FileManager.default.fileExists(atPath: vocabularyFile.path),
            FileManager.default.fileExists(atPath: single.path)
        {
            let data = try ModelError.reading(single, purpose: "the tokenizer")
            guard let fields = try? JSONDecoder().decode(SingleFile.self, from: data) else {
                throw ModelError.unreadableFile(
                    path: single.path, reason: "it has no vocabulary and merges of byte-pair encoding")
            }
            vocabularyPath = single.path
            (vocabulary, addedTokens) = (fields.model.vocab, fields.added_tokens)
            merges = fields.model.merges.map { ($0.left, $0.right) }
            (mergesFile, mergeLines) = (single.path, Array(1...max(1, merges.count)))
        } else {
            let data = try ModelError.reading(vocabularyFile, purpose: "the tokenizer's vocabulary")
            guard let vocabulary = try? JSONDecoder().decode([String: Int].self, from: data) else {
                throw ModelError.unreadableFile(
                    path: vocabularyFile.path,
                    reason: "it is not an object from tokens to ids from 0 to \(Self.largestID)")
            }
            (self.vocabulary, vocabularyPath) = (vocabulary, vocabularyFile.path)
            let file = folder.appending(path: "merges.txt")
            (merges, mergeLines) = try Self.merges(in: file)
            (mergesFile, addedTokens) = (file.path, [])
        }
        guard !vocabulary.isEmpty else {
            throw ModelError.unreadableFile(path: vocabularyPath, reason: "its vocabulary is empty")
        }
        try checkIDs()
    }

    /// Throws ``ModelError/invalidField(file:field:expected:found:)`` for an id that is out of range or used twice.
    private func checkIDs() throws {
        func invalid(_ token: String, _ expected: String, _ id: Int) -> ModelError {
            .invalidField(file: vocabularyPath, field: token, expected: expected, found: "\(id)")
        }
        let added = addedTokens.compactMap { token in token.id.map { (key: token.content, value: $0) } }
        let outside = (vocabulary.map { $0 } + added).filter { !(0...Self.largestID).contains($0.value) }
        if let (token, id) = outside.min(by: { $0.key < $1.key }) {
            throw invalid(token, "an id from 0 to \(Self.largestID)", id)
        }
        var names: [Int: String] = [:]
        for (token, id) in vocabulary.sorted(by: { $0.key < $1.key }) {
            if let other = names.updateValue(token, forKey: id) {
                throw invalid(token, "an id that no other token has, such as \"\(other)\"", id)
            }
        }
    }

    /// Larger than any model's ids; limits the size of the table that they index.
    static let largestID = 1_000_000

    private static func merges(in file: URL) throws -> ([(left: String, right: String)], [Int]) {
        let data = try ModelError.reading(file, purpose: "the tokenizer's merges")
        var merges: [(left: String, right: String)] = []
        var lines: [Int] = []
        for (number, text) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            // Windows lines end in two characters.
            let line = text.last == UInt8(ascii: "\r") ? text.dropLast() : text
            if line.isEmpty || number == 0 && line.starts(with: "#version".utf8) { continue }
            let parts = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard parts.count == 2 else {
                throw ModelError.invalidField(
                    file: file.path, field: "line \(number + 1)", expected: "two tokens with a space between",
                    found: "\"\(String(decoding: line.prefix(80), as: UTF8.self))\"")
            }
            merges.append((parts[0], parts[1]))
            lines.append(number + 1)
        }
        return (merges, lines)
    }

    /// The error for an invalid merge, which names its line.
    func invalidMerge(_ index: Int, expected: String, found: String) -> ModelError {
        let field = mergesFile.hasSuffix(".json") ? "model.merges[\(index)]" : "line \(mergeLines[index])"
        return .invalidField(file: mergesFile, field: field, expected: expected, found: "\"\(found)\"")
    }
}

/// The description of an added token, which is recognised in the text before it is split into words.
struct AddedTokenFields: Decodable {
    var id: Int?
    let content: String
    /// Whether it is matched in the normalised, lower-case text.
    var normalized: Bool?
    var special: Bool?
    var lstrip: Bool?
    var rstrip: Bool?
    var single_word: Bool?
}

/// The parts of `tokenizer.json` that differ between CLIP tokenizers.
private struct SingleFile: Decodable {
    struct Merge: Decodable {
        let left: String
        let right: String

        /// Decodes `["a", "b"]` or, as written before tokenizers 0.20, `"a b"`.
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let parts =
                try (try? container.decode([String].self))
                ?? container.decode(String.self).split(separator: " ").map(String.init)
            guard parts.count == 2 else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected two tokens")
            }
            (left, right) = (parts[0], parts[1])
        }
    }

    struct Model: Decodable {
        let vocab: [String: Int]
        let merges: [Merge]
    }

    let model: Model
    let added_tokens: [AddedTokenFields]
}
