import Foundation

/// CLIP's byte-level byte-pair encoding (arXiv 2103.00020), with the ids of transformers 5's class of this name.
///
/// Text is normalised (NFC, runs of white space as one space, lower case), cut into words, and each word's bytes are merged
/// by rank. Special tokens that stand in the text are taken as such, which for Stable Diffusion 2's pad token means "!";
/// ``readsPaddingTokenAsText`` turns that off.
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
    public private(set) var vocabularySize: Int
    /// Whether a padding token that stands in the text is a word like others, as OpenCLIP reads it, and not padding, as
    /// transformers does.
    ///
    /// It makes a difference for Stable Diffusion 2, which pads with "!", and none where the padding token is the end token.
    public var readsPaddingTokenAsText = false {
        didSet { (rawTokens, normalizedTokens) = addedTokens() }
    }

    private let encoding: BytePairEncoding
    private let specialTokens: SpecialTokens
    /// What is recognised in the raw and in the normalised text.
    private var rawTokens = AddedTokens([])
    private var normalizedTokens = AddedTokens([])
    /// The tokens' names by id, on the alphabet of stand-ins for bytes.
    private(set) var names: [String?]
    /// Tokens that stand for several, by the first one's id.
    private var expansions: [Int: Range<Int>] = [:]
    /// Tokens that were added after the files were read.
    private var added: [SpecialTokens.Token] = []

    /// Reads a tokenizer's folder: `vocab.json` and `merges.txt`, or `tokenizer.json` alone; `tokenizer_config.json`; and,
    /// if they are there, `special_tokens_map.json` and `added_tokens.json`.
    ///
    /// Throws ``ModelError`` for a file that is missing, malformed, or names a token that the vocabulary lacks.
    public init(contentsOf folder: URL) throws {
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

    /// The ids of a prompt: start, words, end, padding; ``maximumLength`` of them. Words that do not fit are cut;
    /// ``encodeReportingTruncation(_:)`` tells which.
    public func encode(_ prompt: String) -> [Int] { padded(tokens(of: prompt)) }

    /// The ids of a prompt, as ``encode(_:)`` gives them, and the text that did not fit, nil when all did.
    ///
    /// The text is ``decode(_:)``'s, as diffusers names it in its warning.
    public func encodeReportingTruncation(_ prompt: String) -> (ids: [Int], truncatedText: String?) {
        let words = tokens(of: prompt)
        return (padded(words), rest(of: words, windows: 1))
    }

    /// diffusers' sentence on the part of a prompt that does not fit into so many windows of ``maximumLength``, nil when all does.
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

    /// The ids of a text's words alone, however many.
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

    /// Adds a token that stands for `count` of new ones, `name`, `name_1`, …, each of which is read by its own name too.
    ///
    /// - Parameters:
    ///   - name: recognised in texts as it stands, in capitals or not.
    ///   - count: how many tokens a text gets in its place.
    ///   - firstID: the first one's id, at least ``vocabularySize``; the others' follow.
    ///
    /// Throws ``ModelError/invalidArgument(operation:argument:expected:found:)`` for a name without text or one that is a token already.
    mutating func add(_ name: String, count: Int, from firstID: Int) throws {
        precondition(firstID >= vocabularySize && count > 0, "CLIPTokenizer.add: expected new ids, found \(firstID)")
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
