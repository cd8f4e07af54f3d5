import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Testing

@testable import Distillation

@Suite("Distilling from saved embeddings")
final class SavedEmbeddingsTests {
    private let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
    private let teacher: TextToImageModel

    init() throws {
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    deinit { try? FileManager.default.removeItem(at: file) }

    private var configuration: DistillationConfiguration {
        var configuration = DistillationConfiguration()
        configuration.batchSize = 2
        return configuration
    }

    @Test("Steps with saved embeddings equal those with the text encoder's, bit for bit")
    func sameSteps() throws {
        let prompts = ["a red heart", "a blue circle", "a dog"]
        // In another order, and more than are needed.
        try teacher.embeddings(for: ["", "a cat", "a dog", "a blue circle", "a red heart"]).save(to: file)
        let saved = try Distiller(
            teacher: teacher.keeping(PromptEmbeddings(contentsOf: file)), prompts: prompts,
            configuration: configuration)
        let direct = try Distiller(teacher: teacher, prompts: prompts, configuration: configuration)
        let (found, expected) = (try saved.step(), try direct.step())
        #expect(found.studentLoss == expected.studentLoss && found.fakeScoreLoss == expected.fakeScoreLoss)
        #expect(found.studentGradientNorm == expected.studentGradientNorm)
    }

    @Test("Embeddings of another text encoder are rejected; missing prompts are encoded")
    func refusals() throws {
        var other = teacher
        var encoder = try #require(teacher.textEncoder as? CLIPTextEncoder)
        encoder.tokenizer.readsPaddingTokenAsText = true
        other.textEncoder = encoder
        let foreign = try other.embeddings(for: ["a dog", ""])
        let error = #expect(throws: ModelError.self) { try teacher.keeping(foreign) }
        #expect(error?.description.contains("expected those of the text encoder in") == true)
        // Without the empty prompt, the text encoder is loaded.
        let partial = try teacher.keepingEmbeddings(of: ["a dog"])
        #expect(throws: Never.self) {
            try Distiller(teacher: partial, prompts: ["a dog"], configuration: configuration)
        }
    }
}
