import Foundation
import SwiftBrushTestFixtures

/// A small model folder, one of whose files is replaced by the fuzzer's input.
struct FuzzedModel {
    let folder: URL

    /// A copy of `Tests/Fixtures/models/c` with a tokenizer added.
    init(in parent: URL) throws {
        folder = parent.appending(path: "model")
        let fixture = Fixtures.url("models/c")
        try FileManager.default.copyItem(at: fixture, to: folder)
        try FuzzedModel.writeTokenizer(to: folder.appending(path: "tokenizer"))
    }

    func file(_ path: String) -> URL { folder.appending(path: path) }

    private static let tokens: [String] = {
        let letters = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }
        return letters + letters.map { "\($0)</w>" } + ["he</w>", "<|startoftext|>", "<|endoftext|>"]
    }()
    /// 55 tokens: letters, inside a word and at its end, one merge and the special tokens.
    static let vocabulary: String = {
        let entries = tokens.enumerated().map { "\"\($0.element)\": \($0.offset)" }
        return "{" + entries.joined(separator: ", ") + "}"
    }()
    static let merges = "#version: 0.2\nh e</w>\n"
    static let tokenizerConfiguration = """
        {"model_max_length": 12, "bos_token": "<|startoftext|>", "eos_token": {"content": "<|endoftext|>", "lstrip": false}, \
        "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "do_lower_case": true, "errors": "replace", \
        "added_tokens_decoder": {"53": {"content": "<|startoftext|>", "special": true, "normalized": true}, \
        "54": {"content": "<|endoftext|>", "special": true, "normalized": false}}}
        """
    static let specialTokens = """
        {"bos_token": {"content": "<|startoftext|>", "lstrip": false, "normalized": true, "rstrip": false}, \
        "eos_token": "<|endoftext|>", "pad_token": "a", "unk_token": "<|endoftext|>", \
        "additional_special_tokens": ["b"]}
        """
    static let addedTokens = #"{"<cat>": 55, "<dog>": 56}"#
    static let singleTokenizer: String = """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{"id": 53, "content": "<|startoftext|>", \
        "special": true}, {"id": 54, "content": "<|endoftext|>", "special": true}], \
        "model": {"type": "BPE", "end_of_word_suffix": "</w>", "unk_token": "<|endoftext|>", "vocab": \(vocabulary), \
        "merges": ["h e</w>"]}}
        """

    static func writeTokenizer(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(vocabulary.utf8).write(to: folder.appending(path: "vocab.json"))
        try Data(merges.utf8).write(to: folder.appending(path: "merges.txt"))
        try Data(#"{"model_max_length": 12}"#.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
    }
}
