import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Prompt encoding", .highestPrecision)
final class PromptEncodingTests {
    private struct Cases: Decodable {
        struct Numbered: Decodable {
            let prompt: String
            let number: Int

            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                (prompt, number) = (try container.decode(String.self), try container.decode(Int.self))
            }
        }

        let clip: [Numbered]
        let inversion: [String]
        let weights: [Numbered]
    }

    private let model: TextToImageModel
    private let golden: [String: Tensor]
    private let cases: Cases
    private let folder = FileManager.default.temporaryDirectory.appending(path: "prompts-\(UUID().uuidString)")

    init() throws {
        model = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        golden = try Fixtures.tensors("prompts/prompts.safetensors")
        cases = try JSONDecoder().decode(Cases.self, from: Data(contentsOf: Fixtures.url("prompts/cases.json")))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func expect(_ found: PromptEmbeddings, _ name: String, within tolerance: Double = 2e-5) throws {
        let expected = try #require(golden[name], "\(name)")
        #expect(relativeError(found.values, expected.reshaped(to: [1] + expected.shape)) <= tolerance, "\(name)")
    }

    private func expectError(_ words: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("no error for \(words)")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
        }
    }

    @Test("skippedLayers matches diffusers' clip_skip, and skipping too many layers is an error")
    func clipSkip() throws {
        var encoder = try model.clip()
        for item in cases.clip {
            encoder.encoding.skippedLayers = item.number
            try expect(encoder.embeddings(for: [item.prompt]), "clip.\(item.number)")
        }
        encoder.encoding.skippedLayers = cases.clip.count
        expectError("encoding.skippedLayers: expected 0 to \(cases.clip.count - 1)") { try encoder.check() }
        expectError("encoding.skippedLayers") { _ = try encoder.embeddings(for: ["a"]) }
    }

    @Test("Textual inversions of both file formats, with one and several vectors, match diffusers")
    func inversions() throws {
        var (model, encoder) = (model, try model.clip())
        try encoder.add(TextualInversion(contentsOf: Fixtures.url("prompts/learned_embeds.safetensors")))
        try encoder.add(TextualInversion(contentsOf: Fixtures.url("prompts/my-style.safetensors")))
        model.textEncoder = encoder
        #expect(encoder.inversions.map(\.token) == ["<Cat-toy>", "my-style"])
        for (number, prompt) in cases.inversion.enumerated() {
            try expect(model.embeddings(for: [prompt]), "inversion.\(number)")
        }
        #expect(encoder.tokenizer.tokens(of: "a my-style b").count == 5)
        let saved = try self.model.embeddings(for: ["a red heart"])
        expectError("expected those of the text encoder in") { try saved.check(against: model) }
        expectError("\"<Cat-toy>\"") { try model.save(to: folder.appending(path: "model")) }
        let again = try TextualInversion(contentsOf: Fixtures.url("prompts/my-style.safetensors"))
        expectError("\"my-style\"") { try encoder.add(again) }
        let vectors = again.vectors
        expectError("found \"<cat-TOY>\"") { try encoder.add(TextualInversion(token: "<cat-TOY>", vectors: vectors)) }
        expectError("found \"a\"") { try encoder.add(TextualInversion(token: "a", vectors: vectors)) }
        expectError("found \" \"") { try encoder.add(TextualInversion(token: " ", vectors: vectors)) }
        expectError("width, 128, found [1, 5]") { try encoder.add(TextualInversion(token: "<x>", vectors: .ones([5]))) }
    }

    @Test("Files that are not textual inversions are refused with the reason")
    func malformedInversions() throws {
        let file = folder.appending(path: "file.safetensors")
        func expect(_ tensors: [(name: String, tensor: Tensor)], _ words: String) throws {
            try Safetensors.write(tensors, allowsNonFinite: true, to: file)
            expectError(words) { _ = try TextualInversion(contentsOf: file) }
        }
        try expect(
            [(name: "<x>", tensor: .ones([0, 128]))], "<x>: expected finite embeddings [vectors, width], found [0, 128]"
        )
        try expect([(name: "<x>", tensor: .ones([1, 1, 128]))], "found [1, 1, 128]")
        try expect([(name: "<x>", tensor: Tensor(repeating: .nan, shape: [2]))], "2 numbers that are not finite")
        try expect([(name: "a", tensor: .ones([1])), (name: "b", tensor: .ones([1]))], "found a, b")
        try expect([(name: "clip_g", tensor: .ones([1])), (name: "clip_l", tensor: .ones([1]))], "Stable Diffusion XL")
        let pickle = folder.appending(path: "style.pt")
        try Data([0x80, 2]).write(to: pickle)
        expectError("style.pt style.safetensors") { _ = try TextualInversion(contentsOf: pickle) }
        expectError("missing") { _ = try TextualInversion(contentsOf: folder.appending(path: "none.safetensors")) }
    }

    @Test("Prompt weights and windows match the documented formula")
    func weights() throws {
        var settings = try model.clip()
        settings.encoding.readsWeights = true
        settings.encoding.windowLimit = 8
        let encoder = try settings.loaded()
        for (number, item) in cases.weights.enumerated() {
            // Restoring the mean involves a small difference of large sums, which costs a digit.
            try expect(
                encoder.embeddings(for: [item.prompt], windows: item.number), "weights.\(number)", within: 5e-5)
            if item.prompt.count > 20 { #expect(encoder.windowCount(for: [item.prompt]) == item.number) }
        }
        let plain = try self.model.embeddings(for: ["a red heart"])
        #expect(try encoder.embeddings(for: ["a red heart"]).values.scalars == plain.values.scalars)
        let huge = String(repeating: "(", count: 40) + "heart" + String(repeating: ":99999999999999)", count: 40)
        expectError("weights that leave the embeddings finite") { _ = try encoder.embeddings(for: [huge]) }
    }

    @Test("WeightedPrompt parses parentheses, brackets and weights")
    func notation() {
        func pieces(_ prompt: String) -> [String] {
            WeightedPrompt(prompt).pieces.map { "\($0.text)|\((1000 * $0.weight).rounded() / 1000)" }
        }
        #expect(pieces("a (b) [c]") == ["a |1.0", "b|1.1", " |1.0", "c|0.909"])
        #expect(pieces("((a)):(b: 1.5 )") == ["a|1.21", ":|1.0", "b|1.5"])
        #expect(pieces(#"\(a\) \\ b) c]"#) == [#"(a) \ b) c]|1.0"#])
        #expect(pieces("(a:1.2.3) (b:c)") == ["a:1.2.3|1.1", " |1.0", "b:c|1.1"])
        #expect(pieces("(a (b:2) c") == ["a |1.1", "b|2.2", " c|1.1"])
        #expect(pieces("") == ["|1.0"] && pieces("()") == ["|1.0"])
        // Very deep brackets are text, so that the work is proportional to the length.
        #expect(WeightedPrompt(String(repeating: "(a", count: 200_000)).pieces.count == 64)
    }

    @Test("Long prompts work with a short negative prompt, in samples, in folders and from saved embeddings")
    func longPrompts() throws {
        var (model, encoder) = (model, try model.clip())
        encoder.encoding.windowLimit = 8
        model.textEncoder = encoder
        let long = try #require(cases.weights.map(\.prompt).max { $0.count < $1.count })
        #expect(model.textEncoder.truncationWarning(for: long) == nil)
        #expect(self.model.textEncoder.truncationWarning(for: long) != nil)
        let embeddings = try model.embeddings(for: [long, ""])
        #expect(embeddings.values.shape[1] > 20 && embeddings.values.shape[1] % 20 == 0)
        let file = folder.appending(path: "embeddings.safetensors")
        try embeddings.save(to: file)
        let saved = try PromptEmbeddings(contentsOf: file)
        let size = LatentSize(height: 8, width: 8)
        func last(_ embeddings: PromptEmbeddings?) throws -> Tensor {
            let model = try embeddings.map { try model.keeping($0) } ?? model
            var steps = try model.samples(
                for: [long], SamplingSettings(steps: 2, guidanceScale: 3), seed: 1, start: .noise(size: size))
            return try #require(try steps.last()).latents
        }
        let expected = try last(nil)
        #expect(expected.nonFiniteCount() == 0)
        #expect(try last(saved).scalars == expected.scalars)
        expectError("expected those of the text encoder in") { try saved.check(against: self.model) }
        let pictures = folder.appending(path: "pictures")
        var generation = try PictureGeneration(
            of: ["a red heart", long], by: model, .steps(1, guidanceScale: 3),
            size: size, in: pictures, batchSize: 1)
        while try generation.next() != nil {}
        let record = try String(contentsOf: pictures.appending(path: "generation.json"), encoding: .utf8)
        #expect(record.contains("up to 8 windows a prompt"))
    }

    @Test("Token ids without an embedding, and embeddings of another width or count, are errors")
    func ranges() throws {
        let encoder = try model.clip().textModel()
        let count = encoder.configuration.vocabularySize
        try encoder.check([[0, count - 1]])
        expectError("ids from 0 to \(count - 1), found \(count)") { try encoder.check([[0, count]]) }
        expectError("found -1") { try encoder.check([[-1]]) }
        expectError("equally many, found [1, 2]") { try encoder.check([[0], [0, 1]]) }
        expectError("found [21]") { try encoder.check([Array(repeating: 0, count: 21)]) }
        expectError("tokens per prompt") { try encoder.check([[]]) }
        let origin = try model.embeddings(for: [""])
        for (shape, words) in [([1, 20, 64], "20 of width 64"), ([1, 7, 128], "7 of width 128")] {
            let other = PromptEmbeddings(
                prompts: [""], condition: TextCondition(tokens: .ones(shape)), fingerprint: origin.fingerprint)
            expectError(words) { try other.check(against: model) }
        }
        let broken = PromptEmbeddings(
            prompts: [""], condition: TextCondition(tokens: Tensor(repeating: .infinity, shape: [1, 20, 128])),
            fingerprint: origin.fingerprint)
        expectError("not a number") { _ = try broken.condition(for: [""]) }
        let tokenizer = try CLIPTokenizer(contentsOf: Fixtures.url("tokenizer/small"))
        var large = tokenizer
        try large.add("<new>", count: 1, from: max(count, tokenizer.vocabularySize))
        expectError("tokenizer.vocabularySize") { _ = try CLIPTextEncoder(tokenizer: large, textModel: encoder) }
    }
}
