import Foundation

extension CLIPTokenizer {
    /// Learns a byte-pair encoding from captions (arXiv 1508.07909) and writes a tokenizer's folder: `vocab.json`,
    /// `merges.txt`, `tokenizer_config.json`, `special_tokens_map.json`, as transformers reads them.
    ///
    /// The vocabulary has every byte, inside a word and at its end, then the merges, most frequent first, then start and end;
    /// padding is the end token, as in Stable Diffusion 1. Pairs that are equally frequent are merged in the order of their
    /// ids, so that the same captions give the same files.
    ///
    /// - Parameters:
    ///   - captions: a word counts as often as it stands in them.
    ///   - vocabularySize: the most tokens, at least 514; fewer when no pair of tokens occurs twice.
    ///   - maximumLength: tokens of an encoded prompt, start and end among them.
    ///   - folder: made if it is missing.
    ///
    /// Throws what the file system throws.
    public static func learn(
        from captions: some Sequence<String>, vocabularySize: Int, maximumLength: Int, to folder: URL
    ) throws {
        precondition(
            vocabularySize >= 514, "CLIPTokenizer.learn: expected at least 514 tokens, found \(vocabularySize)")
        var pieces = BytePairLearning(captions)
        while pieces.names.count < vocabularySize - 2, pieces.mergeMostFrequent() {}
        let ids = Dictionary(uniqueKeysWithValues: zip(pieces.names + [startName, endName], 0...))
        let merges = ["#version: 0.2"] + pieces.merges.map { "\($0.left) \($0.right)" }
        let marks: [String: JSONValue] = [
            "bos_token": .string(startName), "eos_token": .string(endName), "pad_token": .string(endName),
            "unk_token": .string(endName),
        ]
        let settings: [String: JSONValue] = [
            "model_max_length": .integer(maximumLength), "tokenizer_class": .string("CLIPTokenizer"),
            "do_lower_case": .boolean(true), "add_prefix_space": .boolean(false), "errors": .string("replace"),
        ]
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try JSONValue.object(ids.mapValues { .integer($0) }).write(to: folder.appending(path: "vocab.json"))
        try Data((merges.joined(separator: "\n") + "\n").utf8)
            .write(to: folder.appending(path: "merges.txt"), options: .atomic)
        try JSONValue.object(settings.merging(marks) { own, _ in own })
            .write(to: folder.appending(path: "tokenizer_config.json"))
        try JSONValue.object(marks).write(to: folder.appending(path: "special_tokens_map.json"))
    }

    private static let startName = "<|startoftext|>"
    private static let endName = "<|endoftext|>"
}

/// Words as sequences of tokens, of which the most frequent neighbours are merged again and again.
private struct BytePairLearning {
    private struct Word {
        var tokens: [Int]
        let count: Int
    }

    private struct Pair: Hashable {
        let left: Int
        let right: Int
    }

    private var words: [Word]
    /// The tokens' names by id.
    private(set) var names: [String]
    private var ids: [String: Int]
    private(set) var merges: [(left: String, right: String)] = []

    init(_ captions: some Sequence<String>) {
        var counts: [[UInt8]: Int] = [:]
        for caption in captions {
            for word in DiffusionModels.words(normalizedForCLIP(caption.unicodeScalars)[...]) {
                counts[word, default: 0] += 1
            }
        }
        let bytes = BytePairEncoding.byteCharacters.map(String.init)
        names = bytes + bytes.map { $0 + "</w>" }
        ids = Dictionary(uniqueKeysWithValues: zip(names, 0...))
        words = counts.map { word, count in
            let tokens = word.enumerated().map { Int($1) + ($0 == word.count - 1 ? bytes.count : 0) }
            return Word(tokens: tokens, count: count)
        }
    }

    /// Makes one token of the pair of neighbours that occurs most often; false when none occurs twice.
    mutating func mergeMostFrequent() -> Bool {
        var counts: [Pair: Int] = [:]
        for word in words {
            for (left, right) in zip(word.tokens, word.tokens.dropFirst()) {
                counts[Pair(left: left, right: right), default: 0] += word.count
            }
        }
        let best = counts.max { ($0.value, $1.key.left, $1.key.right) < ($1.value, $0.key.left, $0.key.right) }
        guard let (pair, count) = best, count >= 2 else { return false }
        let name = names[pair.left] + names[pair.right]
        // Another pair may have made the same text before.
        let token = ids[name] ?? names.count
        if token == names.count { names.append(name) }
        ids[name] = token
        merges.append((names[pair.left], names[pair.right]))
        for index in words.indices { words[index].tokens.merge(pair.left, pair.right, into: token) }
        return true
    }
}

extension [Int] {
    /// Puts `token` in the place of every `left` with a `right` behind it.
    fileprivate mutating func merge(_ left: Int, _ right: Int, into token: Int) {
        var index = startIndex
        while index + 1 < endIndex {
            if self[index] == left, self[index + 1] == right {
                self[index] = token
                remove(at: index + 1)
            }
            index += 1
        }
    }
}
