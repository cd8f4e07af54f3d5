import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

/// Compares CLIP's vocabulary of 49,408 tokens with transformers 5's CLIPTokenizer, whose ids `Tests/Fixtures/tokenizer/make.py` computed.
///
/// No string is left out: where Swift's Unicode version is later than the original's, the tokenizer behaves like the original.
@Suite("Tokenizer at full vocabulary")
final class FullTokenizerTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: root) }

    /// A tokenizer with the configuration of Stable Diffusion 1.5 or 2.1-base; `vocab.json` is derived from the merges.
    private func tokenizer(_ name: String) throws -> CLIPTokenizer {
        try CLIPTokenizer(contentsOf: folder(name))
    }

    private func folder(_ name: String) throws -> URL {
        let folder = root.appending(path: name)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: Fixtures.url("tokenizer/\(name)"), to: folder)
        let merges = try Data(contentsOf: Fixtures.url("tokenizer/merges.txt"))
        try merges.write(to: folder.appending(path: "merges.txt"))
        let printable = Array(0x21...0x7e) + Array(0xa1...0xac) + Array(0xae...0xff)
        let bytes = (printable + Array(0x100..<0x100 + 256 - printable.count)).compactMap { Unicode.Scalar($0) }
        let characters = bytes.map { String(Character($0)) }
        let merged = String(decoding: merges, as: UTF8.self).split(separator: "\n").dropFirst()
            .map { $0.filter { $0 != " " } }
        let tokens = characters + characters.map { $0 + "</w>" } + merged + ["<|startoftext|>", "<|endoftext|>"]
        #expect(tokens.count == 49408)
        let vocabulary = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
        try JSONEncoder().encode(vocabulary).write(to: folder.appending(path: "vocab.json"))
        return folder
    }

    private static func lines(_ name: String) throws -> [Data] {
        try Data(contentsOf: Fixtures.url("tokenizer/\(name)")).split(separator: UInt8(ascii: "\n"))
    }

    private static func strings() throws -> [String] {
        try lines("strings.jsonl").map { try JSONDecoder().decode(String.self, from: $0) }
    }

    /// Rows of ids, which are stored consecutively.
    private static func rows(_ prefix: String) throws -> [[Int]] {
        let file = try SafetensorsFile(contentsOf: Fixtures.url("tokenizer/ids.safetensors"))
        let ids = try file.integers("\(prefix)ids").map { $0 & 0xffff }
        var start = 0
        return try file.integers("\(prefix)lengths").map { length in
            defer { start += length }
            return Array(ids[start..<start + length])
        }
    }

    private func expectSame(_ tokenizer: CLIPTokenizer, _ strings: [String], _ expected: [[Int]]) {
        var wrong = 0
        for (text, ids) in zip(strings, expected) {
            let found = [tokenizer.startToken] + tokenizer.tokens(of: text) + [tokenizer.endToken]
            guard found != ids else { continue }
            wrong += 1
            if wrong <= 20 { Issue.record("\(text.debugDescription.prefix(200)): expected \(ids), found \(found)") }
        }
        #expect(wrong == 0)
    }

    @Test("Ids with Stable Diffusion 1's configuration")
    func first() throws {
        let (strings, expected) = (try Self.strings(), try Self.rows(""))
        #expect(strings.count >= 20_000 && strings.count == expected.count)
        let tokenizer = try tokenizer("sd1")
        #expect((tokenizer.paddingToken, tokenizer.vocabularySize, tokenizer.maximumLength) == (49407, 49408, 77))
        expectSame(tokenizer, strings, expected)
    }

    @Test("Ids with Stable Diffusion 2's configuration, in which \"!\" is the padding token")
    func second() throws {
        let strings = try Self.strings()
        var expected = try Self.rows("")
        let file = try SafetensorsFile(contentsOf: Fixtures.url("tokenizer/ids.safetensors"))
        let indices = try file.integers("sd2.indices")
        for (index, row) in zip(indices, try Self.rows("sd2.")) { expected[index] = row }
        #expect(indices.count > 1000)
        let tokenizer = try tokenizer("sd2")
        #expect(tokenizer.paddingToken == 0)
        expectSame(tokenizer, strings, expected)
        #expect(tokenizer.encode("").suffix(75).allSatisfy { $0 == 0 })
    }

    @Test("With readsPaddingTokenAsText \"!\" is text, with OpenCLIP's ids")
    func exclamationMarks() throws {
        var tokenizer = try tokenizer("sd2")
        #expect(tokenizer.tokens(of: "!!! a!") == [0, 0, 0, 320, 0])
        tokenizer.readsPaddingTokenAsText = true
        #expect(["!", "!!", "!!!"].map { tokenizer.tokens(of: $0) } == [[256], [748], [995]])
        #expect(tokenizer.tokens(of: "a!<|endoftext|>") == [320, 256, 49407])
        #expect(tokenizer.encode("a!") == [49406, 320, 256, 49407] + Array(repeating: 0, count: 73))
        var first = try self.tokenizer("sd1")
        first.readsPaddingTokenAsText = true
        #expect(first.tokens(of: "a<|endoftext|>") == [320, 49407])
    }

    @Test("Decoded text matches transformers, and truncated text matches diffusers' warning")
    func decoding() throws {
        let tokenizer = try tokenizer("sd2")
        let special: Set = [0, 49406, 49407]
        var cuts = 0
        for line in try Self.lines("decoded.jsonl") {
            let row = try JSONDecoder().decode(JSONValue.self, from: line)
            guard case .array(let fields) = row, fields.count == 3 else { throw MissingGolden(name: "\(row)") }
            if case .string(let prompt) = fields[0] {
                let (ids, cut) = tokenizer.encodeReportingTruncation(prompt)
                #expect(ids == fields[1].integers && ids == tokenizer.encode(prompt))
                #expect(scalars(cut) == scalars(fields[2].text))
                cuts += cut == nil ? 0 : 1
            } else {
                let ids = fields[0].integers
                #expect(scalars(tokenizer.decode(ids)) == scalars(fields[1].text), "\(ids)")
                let plain = tokenizer.decode(ids.filter { !special.contains($0) })
                #expect(scalars(plain) == scalars(fields[2].text), "\(ids)")
            }
        }
        #expect(cuts > 15)
    }

    /// The scalars of a text, since equal strings may differ in scalars.
    private func scalars(_ text: String?) -> [Unicode.Scalar]? { text.map { Array($0.unicodeScalars) } }

    @Test("tokenizer.json alone, as transformers 5 saves it, gives the same ids")
    func singleFile() throws {
        let folder = try folder("sd2")
        let vocabulary = try JSONDecoder().decode(
            JSONValue.self, from: Data(contentsOf: folder.appending(path: "vocab.json")))
        let merges = try String(contentsOf: folder.appending(path: "merges.txt"), encoding: .utf8)
            .split(separator: "\n").dropFirst()
        func token(_ id: Int, _ content: String, _ normalized: Bool) -> JSONValue {
            .object([
                "id": .integer(id), "content": .string(content), "normalized": .boolean(normalized),
                "special": .boolean(true), "lstrip": .boolean(false), "rstrip": .boolean(false),
                "single_word": .boolean(false),
            ])
        }
        let added = [(0, "!", false), (49406, "<|startoftext|>", true), (49407, "<|endoftext|>", true)]
        let pairs = merges.map { JSONValue.array($0.split(separator: " ").map { .string(String($0)) }) }
        let single = JSONValue.object([
            "added_tokens": .array(added.map(token)),
            "model": .object(["type": .string("BPE"), "vocab": vocabulary, "merges": .array(pairs)]),
        ])
        try single.write(to: folder.appending(path: "tokenizer.json"))
        for name in ["vocab.json", "merges.txt", "special_tokens_map.json"] {
            try FileManager.default.removeItem(at: folder.appending(path: name))
        }
        let configuration = #"{"pad_token": "!", "bos_token": "<|startoftext|>", "model_max_length": 77}"#
        try Data(configuration.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
        let found = try CLIPTokenizer(contentsOf: folder)
        let (strings, expected) = (try Self.strings(), try Self.rows("sd2."))
        let file = try SafetensorsFile(contentsOf: Fixtures.url("tokenizer/ids.safetensors"))
        expectSame(found, try file.integers("sd2.indices").map { strings[$0] }, expected)

        try single.write(to: folder.appending(path: "tokenizer.json"))
        try Data(#"{"model": {"vocab": {}}}"#.utf8).write(to: folder.appending(path: "tokenizer.json"))
        #expect(throws: ModelError.self) { try CLIPTokenizer(contentsOf: folder) }
    }

    @Test("added_tokens.json adds tokens, and added_tokens_decoder replaces all other sources")
    func addedTokens() throws {
        let folder = try folder("sd1")
        try Data(#"{"<Cat-toy>": 49408}"#.utf8).write(to: folder.appending(path: "added_tokens.json"))
        let tokenizer = try CLIPTokenizer(contentsOf: folder)
        #expect(tokenizer.vocabularySize == 49409)
        #expect(tokenizer.tokens(of: "a <cat-toy> b<CAT-TOY>") == [320, 49408, 321, 49408])
        #expect(tokenizer.decode([320, 49408]) == "a <Cat-toy>")
        let listed = """
            {"added_tokens_decoder": {"0": {"content": "!", "normalized": false, "special": true},
            "49407": {"content": "<|endoftext|>", "normalized": false, "special": true}},
            "pad_token": "!", "model_max_length": 77}
            """
        try Data(listed.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
        let alone = try CLIPTokenizer(contentsOf: folder)
        #expect(alone.paddingToken == 0 && alone.vocabularySize == 49408)
        #expect(alone.tokens(of: "a!<|endoftext|>") == [320, 0, 49407])
        let stripping = listed.replacing("\"normalized\": false,", with: "\"rstrip\": true,")
        try Data(stripping.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
        #expect(throws: ModelError.self) { try CLIPTokenizer(contentsOf: folder) }
    }
}

extension JSONValue {
    fileprivate var integers: [Int] {
        if case .array(let elements) = self { elements.compactMap { $0.asInteger } } else { [] }
    }

    fileprivate var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}
