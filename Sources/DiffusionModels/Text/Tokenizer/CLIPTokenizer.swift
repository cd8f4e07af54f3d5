import Foundation
import Tensor

/// CLIP's byte-level byte-pair encoding (arXiv 2103.00020), with the same ids as transformers 5's `CLIPTokenizer`.
///
/// Text is normalised (NFC, runs of white space as one space, lower case) and split into words, and each word's bytes are merged
/// by rank. Special tokens are recognised in the text; for Stable Diffusion 2 this includes its padding token "!", unless
/// ``readsPaddingTokenAsText`` is set.
public struct CLIPTokenizer: Sendable {
    /// The folder from which the tokenizer was read.
    public let folder: URL
    /// The number of tokens per encoded prompt: `model_max_length`.
    public let maximumLength: Int
    /// The token that starts every prompt.
    public let startToken: Int
    /// The token that ends every prompt.
    public let endToken: Int
    /// The token that pads prompts after the end token.
    public private(set) var paddingToken: Int
    /// The text of a padding token that is not that of the files; nil for theirs.
    private(set) var otherPadding: String?
    /// The token for bytes that are not in the vocabulary.
    public let unknownToken: Int
    /// One more than the largest id.
    public private(set) var vocabularySize: Int
    /// Whether the padding token's text in a prompt is read as an ordinary word, as OpenCLIP does, instead of as padding, as
    /// transformers does.
    ///
    /// This matters for Stable Diffusion 2, which pads with "!". It has no effect where the padding token is the end token.
    public var readsPaddingTokenAsText = false {
        didSet { (rawTokens, normalizedTokens) = addedTokens() }
    }

    private let encoding: BytePairEncoding
    private let specialTokens: SpecialTokens
    /// Tokens that are recognised in the raw and in the normalised text.
    private var rawTokens = AddedTokens([])
    private var normalizedTokens = AddedTokens([])
    /// The tokens' names by id, in the alphabet of printable characters for bytes.
    private(set) var names: [String?]
    /// Tokens that expand to several ids, by their first id.
    private var expansions: [Int: Range<Int>] = [:]
    /// Tokens that were added after the files were read.
    private var added: [SpecialTokens.Token] = []

    /// Reads a tokenizer's folder: `vocab.json` and `merges.txt`, or `tokenizer.json` alone; `tokenizer_config.json`; and, if
    /// present, `special_tokens_map.json` and `added_tokens.json`.
    ///
    /// Throws ``ModelError`` for a file that is missing, malformed, or names a token that is not in the vocabulary.
    public init(contentsOf folder: URL) throws {
        self.folder = folder
        let files = try TokenizerFiles(folder)
        specialTokens = try SpecialTokens(folder, files)
        (maximumLength, startToken) = (specialTokens.maximumLength, specialTokens.start)
        (endToken, paddingToken) = (specialTokens.end, specialTokens.padding)
        unknownToken = specialTokens.unknown
        encoding = try BytePairEncoding(files, unknown: unknownToken)
        let added = specialTokens.recognized.map { ($0.content, $0.id) }
        let ids = files.vocabulary.merging(added) { vocabulary, _ in vocabulary }
        vocabularySize = (ids.values.max() ?? 0) + 1
        var names = [String?](repeating: nil, count: vocabularySize)
        for (name, id) in ids.sorted(by: { $0.key < $1.key }) {
            if let other = names[id] {
                throw ModelError.invalidField(
                    file: folder.path, field: name, expected: "an id that no other token has, such as \"\(other)\"",
                    found: "\(id)")
            }
            names[id] = name
        }
        self.names = names
        (rawTokens, normalizedTokens) = addedTokens()
    }

    /// The ``maximumLength`` ids of a prompt: start, words, end, padding. Tokens that do not fit are truncated;
    /// ``encodeReportingTruncation(_:)`` returns their text.
    public func encode(_ prompt: String) -> [Int] { padded(tokens(of: prompt)) }

    /// The ids of a prompt, as ``encode(_:)`` gives them, and the truncated text, nil when everything fitted.
    ///
    /// The text is decoded with ``decode(_:)``, as in diffusers' warning.
    public func encodeReportingTruncation(_ prompt: String) -> (ids: [Int], truncatedText: String?) {
        let words = tokens(of: prompt)
        return (padded(words), rest(of: words, windows: 1))
    }

    /// diffusers' warning about the part of a prompt beyond `windows` windows of ``maximumLength``, nil when the prompt fits.
    public func truncationWarning(for prompt: String, windows: Int = 1) -> String? {
        rest(of: tokens(of: prompt), windows: windows).map { rest in
            "The following part of your input was truncated because CLIP can only handle sequences up to "
                + "\(maximumLength)\(windows > 1 ? " × \(windows)" : "") tokens: \(rest)"
        }
    }

    private func rest(of words: [Int], windows: Int) -> String? {
        let rest = words.dropFirst((maximumLength - 2) * windows)
        return rest.isEmpty ? nil : decode(Array(rest))
    }

    /// The ids of a text without start, end and padding, of any number.
    public func tokens(of text: String) -> [Int] {
        var ids: [Int] = []
        for piece in rawTokens.pieces(of: Array(text.utf8)[...]) {
            switch piece {
            case .token(let id): ids.append(id)
            case .text(let raw):
                let normalized = normalizedForCLIP(String(decoding: raw, as: UTF8.self).unicodeScalars)
                for piece in normalizedTokens.pieces(of: utf8(normalized)[...]) {
                    switch piece {
                    case .token(let id): ids += expansions[id] ?? id..<id + 1
                    case .text(let text):
                        let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
                        for word in words(scalars[...]) { ids += encoding.tokens(of: word) }
                    }
                }
            }
        }
        return ids
    }

    /// Adds a token that expands to `count` new ones, `name`, `name_1`, …, each of which is also recognised by its own name.
    ///
    /// - Parameters:
    ///   - name: the token's text, recognised regardless of case.
    ///   - count: the number of tokens that replace it in a text.
    ///   - firstID: the id of the first new token, at least ``vocabularySize``; the others get consecutive ids.
    ///
    /// Throws ``ModelError/invalidArgument(operation:argument:expected:found:)`` for an empty name or an existing token.
    mutating func add(_ name: String, count: Int, from firstID: Int) throws {
        require(firstID >= vocabularySize && count > 0, "CLIPTokenizer.add: expected new ids, found \(firstID)")
        func normalized(_ name: String) -> [UInt8] { utf8(normalizedForCLIP(name.unicodeScalars)) }
        let new = (0..<count).map { $0 == 0 ? name : "\(name)_\($0)" }
        let known = Set(names.compactMap { $0 }).union((specialTokens.recognized + added).map(\.content))
        let recognized = Set(added.map { normalized($0.content) })
        guard !name.allSatisfy(\.isWhitespace) else {
            throw ModelError.invalidArgument(
                operation: "CLIPTokenizer.add", argument: "token", expected: "a token's text", found: "\"\(name)\"")
        }
        if let token = new.first(where: { known.contains($0) || recognized.contains(normalized($0)) }) {
            throw ModelError.invalidArgument(
                operation: "CLIPTokenizer.add", argument: "token",
                expected: "one that the tokenizer does not have; choose another name", found: "\"\(token)\"")
        }
        names += Array(repeating: nil, count: firstID - vocabularySize) + new
        vocabularySize = firstID + count
        added += new.enumerated().map { .init(content: $1, id: firstID + $0, isNormalized: true) }
        expansions[firstID] = firstID..<firstID + count
        (rawTokens, normalizedTokens) = addedTokens()
    }

    /// The tokenizer with another padding token, which is recognised in prompts: a token of the vocabulary, or nil for the end token.
    ///
    /// Throws ``ModelError`` for a text that is not a token.
    func padding(with text: String?) throws -> CLIPTokenizer {
        guard let id = text.map({ text in names.firstIndex { $0 == text } }) ?? endToken else {
            throw ModelError.invalidField(
                file: folder.path, field: "vocab.json", expected: "the padding token \"\(text ?? "")\"", found: "none")
        }
        var tokenizer = self
        (tokenizer.paddingToken, tokenizer.otherPadding) = (id, names[id])
        if let text { tokenizer.added.append(.init(content: text, id: id, isNormalized: false)) }
        (tokenizer.rawTokens, tokenizer.normalizedTokens) = tokenizer.addedTokens()
        return tokenizer
    }

    private func padded(_ words: [Int]) -> [Int] {
        let ids = [startToken] + words.prefix(maximumLength - 2) + [endToken]
        return ids + Array(repeating: paddingToken, count: maximumLength - ids.count)
    }

    private func addedTokens() -> (raw: AddedTokens, normalized: AddedTokens) {
        let isNamedOtherwise = [startToken, endToken, unknownToken].contains(paddingToken)
        let recognized = (specialTokens.recognized + added).filter {
            !readsPaddingTokenAsText || isNamedOtherwise || $0.id != paddingToken
        }
        return (
            AddedTokens(recognized.filter { !$0.isNormalized }.map { (Array($0.content.utf8), $0.id) }),
            AddedTokens(
                recognized.filter(\.isNormalized).map {
                    (utf8(normalizedForCLIP($0.content.unicodeScalars)), $0.id)
                })
        )
    }
}
