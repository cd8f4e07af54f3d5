import Foundation
import Tensor

extension CLIPTokenizer {
    /// Learns a byte-pair encoding from captions (arXiv 1508.07909) and writes a tokenizer's folder: `vocab.json`,
    /// `merges.txt`, `tokenizer_config.json`, `special_tokens_map.json`, in transformers' format.
    ///
    /// The vocabulary has every byte, inside a word and at its end, then the merges, most frequent first, then the start and end
    /// tokens. Padding is the end token, as in Stable Diffusion 1. Equally frequent pairs are merged in the order of their ids, so
    /// that the same captions always give the same files.
    ///
    /// - Parameters:
    ///   - captions: the texts; every occurrence of a word counts.
    ///   - vocabularySize: the maximum number of tokens, at least 514; fewer result when no pair of tokens occurs twice.
    ///   - maximumLength: the number of tokens per encoded prompt, including start and end.
    ///   - folder: created if it does not exist.
    ///
    /// Throws ``ModelError`` for a size or a length out of range, and what the file system throws.
    public static func learn(
        from captions: some Sequence<String>, vocabularySize: Int, maximumLength: Int, to folder: URL
    ) throws {
        for (argument, found, range) in [
            ("vocabularySize", vocabularySize, 514...1_000_000), ("maximumLength", maximumLength, 3...65_536),
        ] where !range.contains(found) {
            throw ModelError.invalidArgument(
                operation: "CLIPTokenizer.learn", argument: argument,
                expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(found)")
        }
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
        try DurableFile.makeFolder(folder)
        try JSONValue.object(ids.mapValues { .integer($0) }).write(to: folder.appending(path: "vocab.json"))
        try DurableFile.write(
            Data((merges.joined(separator: "\n") + "\n").utf8), to: folder.appending(path: "merges.txt"))
        try JSONValue.object(settings.merging(marks) { own, _ in own })
            .write(to: folder.appending(path: "tokenizer_config.json"))
        try JSONValue.object(marks).write(to: folder.appending(path: "special_tokens_map.json"))
    }

    private static let startName = "<|startoftext|>"
    private static let endName = "<|endoftext|>"
}
