import Foundation
import SwiftBrushTestFixtures
import Testing

@testable import DiffusionModels

@Suite("Tokenizer")
final class TokenizerTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
    private static let folder = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")

    init() throws { try FileManager.default.copyItem(at: Self.folder, to: root) }

    deinit { try? FileManager.default.removeItem(at: root) }

    @Test("Ids match transformers' CLIPTokenizer")
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

    @Test("The pad token of special_tokens_map.json overrides the configuration's and is recognised in text")
    func padding() throws {
        let map = #"{"bos_token": {"content": "<|startoftext|>"}, "eos_token": "<|endoftext|>", "pad_token": "!"}"#
        try Data(map.utf8).write(to: root.appending(path: "special_tokens_map.json"))
        let tokenizer = try CLIPTokenizer(contentsOf: root)
        #expect(tokenizer.paddingToken == 0)
        #expect(Array(tokenizer.encode("a! b").prefix(5)) == [2067, 320, 0] + tokenizer.tokens(of: "b") + [2068])
    }

    @Test("Errors for broken files name the file and the field or line")
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

    @Test("Ids that are out of range or used twice are errors that name the token")
    func idRanges() throws {
        func expect(_ name: String, _ text: String, _ words: String) throws {
            let file = root.appending(path: name)
            let good = try? Data(contentsOf: file)
            defer { if let good { try? good.write(to: file) } else { try? FileManager.default.removeItem(at: file) } }
            try Data(text.utf8).write(to: file)
            do {
                _ = try CLIPTokenizer(contentsOf: root)
                Issue.record("no error for \(words)")
            } catch let error as ModelError {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        let vocabulary = try String(contentsOf: root.appending(path: "vocab.json"), encoding: .utf8)
        func with(_ id: String) -> String { vocabulary.replacing(/"a" ?: ?\d+/, with: "\"a\": \(id)") }
        #expect(with("7") != vocabulary)
        try expect("vocab.json", with("-1"), "field \"a\": expected an id from 0 to 1000000, found -1")
        try expect("vocab.json", with("1000001"), "field \"a\": expected an id from 0 to 1000000, found 1000001")
        try expect("vocab.json", with("1"), "expected an id that no other token has")
        try expect("added_tokens.json", #"{"<x>": 1}"#, "field \"<x>\": expected an id that no other token has")
        try expect("added_tokens.json", #"{"<x>": -1}"#, "<x>")
        let single = #"""
            {"added_tokens": [{"id": -5, "content": "<x>", "special": true}], "model": {"vocab": {"a": 0}, "merges": []}}
            """#
        try FileManager.default.removeItem(at: root.appending(path: "vocab.json"))
        try expect("tokenizer.json", single, "field \"<x>\": expected an id from 0 to 1000000, found -5")
        let listed = single.replacing("[{\"id\": -5", with: "[{\"id\": 3").replacing("\"a\": 0", with: "\"a\": -9")
        try expect("tokenizer.json", listed, "field \"a\": expected an id from 0 to 1000000, found -9")
    }

    @Test("Windows line endings and byte-order marks are accepted")
    func windowsFiles() throws {
        let expected = try CLIPTokenizer(contentsOf: root)
        for name in ["merges.txt", "vocab.json", "tokenizer_config.json", "special_tokens_map.json"] {
            let file = root.appending(path: name)
            let text = try String(contentsOf: file, encoding: .utf8)
            try Data("\u{feff}\(text.replacing("\n", with: "\r\n"))".utf8).write(to: file)
        }
        let found = try CLIPTokenizer(contentsOf: root)
        for text in ["a red heart", "an emoji of a snowman without snow", "naïve café 😀"] {
            #expect(found.encode(text) == expected.encode(text))
        }
    }

    @Test(
        "Long repetitive texts do not take quadratic time",
        arguments: [
            "👩\u{200d}", "\u{301}\u{323}", "\u{344}", "q", " ", "aé", "<|startoftext|>", "<|", "가\u{11a8}", "'",
        ])
    func longTexts(unit: String) throws {
        let tokenizer = try CLIPTokenizer(contentsOf: root)
        let text = "a" + String(repeating: unit, count: 20_000 / unit.utf8.count)
        let ids = tokenizer.tokens(of: text)
        #expect(ids.first == tokenizer.tokens(of: "a\(unit)\(unit)").first)
        // A mark that is decomposed has two tokens for each of its two bytes.
        #expect(ids.count <= 2 * text.utf8.count)
        #expect(tokenizer.truncationWarning(for: text) != nil || unit == " ")
        try CLIPTokenizer.learn(
            from: [String(text.unicodeScalars.prefix(3_000))], vocabularySize: 600, maximumLength: 20, to: root)
        #expect(try CLIPTokenizer(contentsOf: root).vocabularySize <= 600)
    }

    @Test("Any number of combining marks is put into canonical order")
    func marks() {
        let marks = (0..<500).compactMap { Unicode.Scalar(UInt32(0x300 + $0 * 7 % 0x6f)) }
            .filter { $0.properties.canonicalCombiningClass != .notReordered && $0 != "\u{344}" }
        let sorted = marks.enumerated().sorted {
            let (a, b) = ($0.element.properties, $1.element.properties)
            return (a.canonicalCombiningClass.rawValue, $0.offset) < (b.canonicalCombiningClass.rawValue, $1.offset)
        }.map(\.element)
        #expect(marks != sorted)
        let isSame = composedForCLIP(["z"] + marks) == composedForCLIP(["z"] + sorted)
        #expect(isSame)
        #expect(composedForCLIP(Array(repeating: "\u{344}", count: 100)).count == 200)
        // Sorting these marks in quadratic time would take minutes.
        let many = [Unicode.Scalar]((0..<200_000).map { $0 % 2 == 0 ? "\u{301}" : "\u{323}" })
        #expect(composedForCLIP(many).prefix(100_000).allSatisfy { $0 == "\u{323}" })
        #expect(composedForCLIP(["e", "\u{323}", "\u{302}"]) == ["\u{1ec7}"])
    }
}

@Suite("Byte-pair learning")
struct BytePairLearningTests {
    /// Reference implementation: recounts all pairs for each merge.
    private func merges(_ captions: [String], _ count: Int) -> [String] {
        var words: [[String]: Int] = [:]
        let alphabet = BytePairEncoding.byteCharacters.map(String.init)
        var ids = Dictionary(uniqueKeysWithValues: zip(alphabet + alphabet.map { $0 + "</w>" }, 0...))
        for caption in captions {
            for word in DiffusionModels.words(normalizedForCLIP(caption.unicodeScalars)[...]) {
                var tokens = word.map { alphabet[Int($0)] }
                tokens[tokens.count - 1] += "</w>"
                words[tokens, default: 0] += 1
            }
        }
        var result: [String] = []
        while result.count < count {
            var counts: [[String]: Int] = [:]
            for (word, weight) in words {
                for pair in zip(word, word.dropFirst()) { counts[[pair.0, pair.1], default: 0] += weight }
            }
            let best = counts.filter { $0.value >= 2 }.min {
                let (a, b) = ($0.key.map { ids[$0] ?? 0 }, $1.key.map { ids[$0] ?? 0 })
                return (-$0.value, a[0], a[1]) < (-$1.value, b[0], b[1])
            }
            guard let pair = best?.key else { break }
            result.append(pair.joined(separator: " "))
            ids[pair.joined()] = ids[pair.joined()] ?? ids.count
            var merged: [[String]: Int] = [:]
            for (word, weight) in words {
                var new: [String] = []
                var index = 0
                while index < word.count {
                    let fits = index + 1 < word.count && [word[index], word[index + 1]] == pair
                    new.append(fits ? pair.joined() : word[index])
                    index += fits ? 2 : 1
                }
                merged[new, default: 0] += weight
            }
            words = merged
        }
        return result
    }

    @Test("Merges match those of recounting all pairs each time")
    func merges() throws {
        let captions = [
            "a red heart", "red red heart, hearts", "aaaaaaa aaa aaaa", "abababab babab ab",
            "the heart of the matter 😀😀",
            "mississippi misses sips", "aabaabaab baa",
        ]
        var learning = BytePairLearning(captions + captions.dropFirst(2))
        while learning.merges.count < 60, learning.mergeMostFrequent() {}
        let expected = merges(captions + captions.dropFirst(2), 60)
        #expect(expected.count > 40)
        #expect(learning.merges.map { "\($0.left) \($0.right)" } == expected)
    }
}
