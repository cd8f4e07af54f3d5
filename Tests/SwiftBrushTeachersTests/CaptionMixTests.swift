import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import SwiftBrushTeachers

@Suite("Captions and tokenizers")
final class CaptionMixTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
    private let apple = CaptionedPicture(
        fileName: "a.png", text: "apple", keywords: ["food", "red", "round", "tree"], group: "a fruit")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func captionCounts(_ count: Int, _ mix: CaptionMix, of picture: CaptionedPicture) -> [String: Int] {
        var stream = RandomStream(seed: 1)
        return (0..<count).reduce(into: [:]) { counts, _ in
            counts[mix.caption(of: picture, using: &stream), default: 0] += 1
        }
    }

    @Test("CaptionMix samples each level of detail with its configured share")
    func shares() {
        let count = 20_000
        let counts = captionCounts(count, CaptionMix(), of: apple)
        func share(_ isCounted: (String) -> Bool) -> Double {
            Double(counts.filter { isCounted($0.key) }.values.reduce(0, +)) / Double(count)
        }
        // Four standard deviations of a share of one half in 20,000 samples.
        let tolerance = 0.015
        #expect(abs(share { $0.isEmpty } - 0.1) < tolerance)
        #expect(abs(share { $0 == "a fruit" } - 0.9 * 0.15) < tolerance)
        #expect(abs(share { $0.contains("apple") } - 0.9 * 0.7) < tolerance)
        #expect(abs(share { $0 == "apple" } - 0.9 * 0.35) < tolerance)
        let keywords = counts.keys.filter { !$0.isEmpty && $0 != "a fruit" && !$0.contains("apple") }
        #expect(keywords.allSatisfy { $0.components(separatedBy: ", ").count <= 3 })
        #expect(keywords.allSatisfy { Set($0.components(separatedBy: ", ")).isSubset(of: apple.keywords) })
        #expect(counts["an apple"] != nil && counts["a picture of an apple"] != nil && counts["a apple"] == nil)
    }

    @Test("CaptionMix uses the name of a picture without keywords and group")
    func namesAlone() {
        var mix = CaptionMix()
        (mix.emptyRate, mix.phraseShare) = (0, 0)
        let counts = captionCounts(100, mix, of: CaptionedPicture(fileName: "a.png", text: "apple"))
        #expect(counts == ["apple": 100])
    }

    @Test("Pictures are sampled in proportion to their weights")
    func weights() {
        var stream = RandomStream(seed: 2)
        let indices = WeightedChoice([1, 0, 3]).indices(10_000, using: &stream)
        #expect(!indices.contains(1))
        // Four standard deviations of a share of 0.75 in 10,000 samples.
        #expect(abs(Double(indices.filter { $0 == 2 }.count) / 10_000 - 0.75) < 0.018)
    }

    @Test("A trained tokenizer merges frequent pairs, encodes every byte, and is deterministic")
    func tokenizer() throws {
        let captions = Array(repeating: "a low tower", count: 5) + ["a lower flower"]
        try CLIPTokenizer.learn(from: captions, vocabularySize: 520, maximumLength: 12, to: folder)
        let tokenizer = try CLIPTokenizer(contentsOf: folder)
        #expect(tokenizer.vocabularySize == 520)
        #expect(tokenizer.maximumLength == 12)
        // "o w", "w e" and "e r" at a word's end occur in seven words each: the smallest ids come first.
        let text = try String(contentsOf: folder.appending(path: "merges.txt"), encoding: .utf8)
        #expect(text.split(separator: "\n").dropFirst().first == "e r</w>")
        #expect(tokenizer.tokens(of: "a").count == 1)
        #expect(tokenizer.tokens(of: "tower").count < 5)
        #expect(tokenizer.decode(tokenizer.tokens(of: "żółw 7!")) == "żółw 7 !")
        let encoded = tokenizer.encode("a low tower")
        #expect(encoded.first == tokenizer.startToken && encoded.last == tokenizer.paddingToken && encoded.count == 12)
        let vocabulary = try Data(contentsOf: folder.appending(path: "vocab.json"))
        try CLIPTokenizer.learn(from: captions.reversed(), vocabularySize: 520, maximumLength: 12, to: folder)
        #expect(try Data(contentsOf: folder.appending(path: "vocab.json")) == vocabulary)
    }
}
