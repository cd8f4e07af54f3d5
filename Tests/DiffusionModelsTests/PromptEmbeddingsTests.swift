import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Prompt embeddings")
final class PromptEmbeddingsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "embeddings-\(UUID().uuidString)")
    private let student: TextToImageModel
    private var file: URL { folder.appending(path: "embeddings.safetensors") }

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        student = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-student"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("Saved embeddings give the same image", arguments: [ScalarType.float32, .float16, .bfloat16])
    func roundTrip(type: ScalarType) throws {
        let embeddings = try student.embeddings(for: ["a red heart", "", "a \"blue\" circle, ♥", "a red heart"])
        #expect(embeddings.prompts == ["a red heart", "", "a \"blue\" circle, ♥"])
        try embeddings.save(to: file, scalarType: type)
        let found = try PromptEmbeddings(contentsOf: file)
        #expect(found.prompts == embeddings.prompts)
        #expect(found.values.scalarType == type)
        // Half a unit in the last place of 11 and 8 bits, for values up to a few standard deviations.
        let allowed = [ScalarType.float32: 0, .float16: 1e-2, .bfloat16: 8e-2]
        #expect(relativeError(found.values.widened(), embeddings.values) <= (allowed[type] ?? 0))
        if type == .float32 {
            let direct = try student.picture(for: "a red heart", seed: 3)
            #expect(try student.keeping(found).pictures(for: ["a red heart"], seed: 3) == [direct])
        }
    }

    @Test("A prompt that was not embedded is named in the error")
    func missingPrompt() throws {
        let embeddings = try student.embeddings(for: ["a red heart"])
        do {
            _ = try embeddings.condition(for: ["a cat"])
            Issue.record("no error")
        } catch let error as ModelError {
            #expect("\(error)".contains("one of the 1 embedded, found \"a cat\""), "\(error)")
        }
        #expect(throws: ModelError.self) { try student.embeddings(for: []) }
    }

    @Test("Embeddings of another text encoder or tokenizer are refused; another precision of the same is accepted")
    func origin() throws {
        let embeddings = try student.embeddings(for: ["a red heart", ""])
        for type in [ScalarType.float32, .float16, .bfloat16] {
            let copy = folder.appending(path: "model-\(type.rawValue)")
            try student.save(to: copy, scalarType: type)
            try embeddings.check(against: TextToImageModel(contentsOf: copy))
        }
        var spelled = student
        var spelling = try student.clip()
        spelling.tokenizer.readsPaddingTokenAsText = true
        spelled.textEncoder = spelling
        func expectRefusal(_ model: TextToImageModel, _ words: String) {
            do {
                _ = try model.keeping(embeddings)
                Issue.record("no error for \(words)")
            } catch {
                #expect("\(error)".contains("expected those of the text encoder in") && "\(error)".contains(words))
            }
        }
        expectRefusal(spelled, "which is text in prompts")
        var adapted = student
        let layer = LowRankWeights.Layer(
            flatPath: "text_model_encoder_layers_1_self_attn_v_proj", part: .textEncoder,
            down: .ones([1, 128]), up: .ones([128, 1]), scale: 0.02)
        try LowRankWeights(layers: [layer]).merge(into: &adapted)
        expectRefusal(adapted, "those of another text encoder")
        try LowRankWeights(layers: [layer]).merge(into: &adapted, weight: -1)
        try embeddings.check(against: adapted)
    }

    @Test("Files without prompt embeddings are refused")
    func malformed() throws {
        try Safetensors.write([(name: "embeddings", tensor: .zeros([1, 2, 3]))], to: file)
        #expect(throws: ModelError.self) { try PromptEmbeddings(contentsOf: file) }
        let metadata = ["prompts": #"["a", "b"]"#, "tokenizer": ""]
        try Safetensors.write([(name: "embeddings", tensor: .zeros([1, 2, 3]))], metadata: metadata, to: file)
        #expect(throws: ModelError.self) { try PromptEmbeddings(contentsOf: file) }
        try Safetensors.write([(name: "embeddings", tensor: .zeros([2, 2, 3]))], metadata: metadata, to: file)
        #expect(throws: SafetensorsError.self) { try PromptEmbeddings(contentsOf: file) }
    }

    @Test("The text encoder is released once prompts are encoded")
    func memory() throws {
        func encode() throws -> (embeddings: PromptEmbeddings, isThere: () -> Bool) {
            let encoder = try student.textEncoder.loaded()
            weak let parameters = encoder.parameters
            #expect(parameters != nil)
            return (try encoder.embeddings(for: ["a red heart"]), { parameters != nil })
        }
        let (embeddings, isThere) = try encode()
        #expect(!isThere())
        #expect(embeddings.values.count > 0)
        // The model itself holds no text encoder either.
        func holds(_ value: Any, depth: Int) -> Bool {
            value is CLIPTextModel
                || depth > 0 && Mirror(reflecting: value).children.contains { holds($0.value, depth: depth - 1) }
        }
        #expect(!holds(student, depth: 3))
        #expect(holds(try student.textEncoder.loaded(), depth: 3))
    }
}
