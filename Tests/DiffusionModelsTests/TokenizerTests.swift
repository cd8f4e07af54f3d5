import Foundation
import TestFixtures
import Testing

@testable import DiffusionModels

@Suite("Tokenizer")
final class TokenizerTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
    private static let folder = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")

    init() throws { try FileManager.default.copyItem(at: Self.folder, to: root) }

    deinit { try? FileManager.default.removeItem(at: root) }

    @Test("Ids are those of transformers' CLIPTokenizer")
    func ids() throws {
        let data = try Data(contentsOf: Fixtures.url("emoji/tokens.json"))
        let expected = try JSONDecoder().decode([String: [Int]].self, from: data)
        #expect(expected.count >= 100)
        let tokenizer = try CLIPTokenizer(contentsOf: Self.folder)
        for (text, ids) in expected { #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)") }
    }

    @Test("Sizes come from the files")
    func sizes() throws {
        let tokenizer = try CLIPTokenizer(contentsOf: Self.folder)
        #expect(tokenizer.maximumLength == 20)
        #expect(tokenizer.vocabularySize == 2069)
        #expect((tokenizer.startToken, tokenizer.endToken, tokenizer.paddingToken) == (2067, 2068, 2068))
        #expect(tokenizer.encode("").count == 20)
    }

    @Test("A pad token of the map wins over the configuration's, and is recognised in the text")
    func padding() throws {
        let map = #"{"bos_token": {"content": "<|startoftext|>"}, "eos_token": "<|endoftext|>", "pad_token": "!"}"#
        try Data(map.utf8).write(to: root.appending(path: "special_tokens_map.json"))
        let tokenizer = try CLIPTokenizer(contentsOf: root)
        #expect(tokenizer.paddingToken == 0)
        #expect(Array(tokenizer.encode("a! b").prefix(5)) == [2067, 320, 0] + tokenizer.tokens(of: "b") + [2068])
    }

    @Test("Broken files are named, with the field or the line")
    func errors() throws {
        func expect(_ name: String, _ text: String?, _ isExpected: (ModelError) -> Bool) throws {
            let file = root.appending(path: name)
            let good = try Data(contentsOf: file)
            defer { try? good.write(to: file) }
            if let text { try Data(text.utf8).write(to: file) } else { try FileManager.default.removeItem(at: file) }
            do {
                _ = try CLIPTokenizer(contentsOf: root)
                Issue.record("no error for \(name)")
            } catch let error as ModelError {
                #expect(isExpected(error), "\(error)")
                #expect("\(error)".contains(name))
            }
        }
        for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
            try expect(name, nil) { if case .missingFile = $0 { true } else { false } }
        }
        try expect("vocab.json", #"{"a": "b"}"#) { if case .unreadableFile = $0 { true } else { false } }
        func isField(_ name: String) -> (ModelError) -> Bool {
            { if case .invalidField(_, name, _, _) = $0 { true } else { false } }
        }
        try expect("merges.txt", "#version\na b c", isField("line 2"))
        try expect("merges.txt", "#version\ni n\nzz qq", isField("line 3"))
        try expect("tokenizer_config.json", #"{"model_max_length": 2}"#, isField("model_max_length"))
        try expect("special_tokens_map.json", #"{"pad_token": "<pad>"}"#, isField("pad_token"))
    }
}
