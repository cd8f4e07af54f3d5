import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// The code of the articles of DiffusionModels, block by block; `ArticleTests` compares it with the articles.
@Suite("Articles of DiffusionModels")
struct ModelArticles {
    private let temporary = TemporaryFolder()
    private let folder = URL(filePath: "Examples/Models/emoji-student")
    private let teacherFolder = URL(filePath: "Examples/Models/emoji-teacher")

    @Test("The overview")
    func overview() throws {
        let student = try TextToImageModel(contentsOf: folder)
        let picture = try student.picture(for: "a red heart", seed: 0)
        #expect(picture.width == 64)
    }

    @Test("Getting started")
    func gettingStarted() throws {
        let heart = temporary.file("heart.png")
        let folder = temporary.file("images")
        let student = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-student"))
        let picture = try student.picture(for: "a red heart", seed: 0)
        try PNG.write(picture, to: heart)
        #expect(FileManager.default.fileExists(atPath: heart.path))

        let prompts = ["a red heart", "a blue heart"]
        var generation = try PictureGeneration(of: prompts, picturesPerPrompt: 2, by: student, .oneStep, in: folder)
        while let missing = try generation.next() { print("\(missing) images are missing") }
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "2-2.png").path))
    }

    @Test("Sampling in many steps")
    func sampling() throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        var sampler = try teacher.samples(for: "a red heart", steps: 25, guidanceScale: 4.5, seed: 0)
        while let step = try sampler.next() {
            let preview = try teacher.pictures(from: step.predictedOriginal)[0]
            print(step.index, preview.width)
        }

        print(ShippedSamplers.names)
        let euler = try teacher.sampler(named: "euler")
        let settings = SamplingSettings(steps: 20, guidanceScale: 4.5, sampler: euler)
        var faster = try teacher.samples(for: ["a red heart"], settings, seed: 0)
        let latents = try faster.last()?.latents
        #expect(latents?.shape == [1, 16, 16, 4])
    }

    @Test("Coming from diffusers")
    func diffusers() throws {
        let files = try ModelFiles(contentsOf: folder)
        print(try files.unetConfiguration().blockChannels, try files.schedule().predictionType)
        let model = try TextToImageModel(files)

        for line in CheckpointSummary(of: folder).lines { print(line.heading, line.text) }

        let path = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
        let width = try #require(model.network.parameters["\(path).weight"]).shape[0]
        let lora = temporary.file("lora.safetensors")
        try Safetensors.write(
            [
                ("unet.\(path).lora_A.weight", .ones([1, width])),
                ("unet.\(path).lora_B.weight", .ones([width, 1])),
            ], to: lora)
        var styled = model
        try LowRankWeights(contentsOf: lora).merge(into: &styled, weight: 0.8)
        #expect(try styled.latents(for: ["a"], seed: 0) != model.latents(for: ["a"], seed: 0))
    }

    @Test("Published models")
    func publishedModels() throws {
        let teacher = try TextToImageModel(contentsOf: teacherFolder)
        let images = temporary.file("images")
        if let found = RecognizedStudent(at: folder) { print(found.student.name, found.evidence) }
        let (turbo, sampling) = try teacher.sampled(as: .turbo)
        let generation = try PictureGeneration(of: ["a red heart"], by: turbo, sampling, in: images)
        #expect(generation.missingCount == 1)
    }

    @Test("A negative prompt for a student")
    func negativePrompt() throws {
        let student = try TextToImageModel(contentsOf: folder)
        let calm = try student.avoiding("yellow")
        let pictures = try calm.pictures(for: ["a face"], seed: 0)
        #expect(try pictures[0] != student.picture(for: "a face", seed: 0))
    }

    @Test("Generating in a task")
    func tasks() async throws {
        let model = try await TextToImageModel(contentsOf: folder)
        let picture = try await model.picture(for: "a red heart", seed: 0)
        #expect(picture.width == 64)

        let teacher = try await TextToImageModel(contentsOf: teacherFolder)
        let settings = SamplingSettings(steps: 4, guidanceScale: 4.5)
        for try await step in try await teacher.samples(for: ["a red heart"], settings, seed: 0) {
            let preview = try await teacher.pictures(from: step.predictedOriginal)[0]
            print(step.index, preview.width)
        }

        let generation = Task {
            try await teacher.picture(for: "a red heart", steps: 1000, guidanceScale: 4.5, seed: 0)
        }
        generation.cancel()
        let result = await generation.result
        #expect(throws: CancellationError.self) { try result.get() }
    }

    @Test("Sharing and serving a model")
    func serving() async throws {
        let model = try await TextToImageModel(contentsOf: folder)
        var variant = model
        let network = model.network.copy(trainable: false)
        network.parameters["conv_out.bias"]?.value = .zeros([4])
        variant.network = network
        #expect(try await variant.picture(for: "a red heart", seed: 0) != model.picture(for: "a red heart", seed: 0))

        let server = try PictureServer(model, limits: ServerLimits(batchSize: 8, waitingRequests: 64))
        let pictures = try await withThrowingTaskGroup(of: Picture.self) { group in
            for seed in 0..<4 {
                group.addTask { try await server.picture(for: "a red heart", seed: UInt64(seed)) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(pictures.count == 4)
    }

    @Test("Errors of models")
    func errors() throws {
        do {
            _ = try TextToImageModel(contentsOf: URL(filePath: "no-such-model"))
        } catch let error as ModelError {
            print(error)  // no-such-model: missing; expected a model: a folder in the diffusers layout or …
        }
        let missing = #expect(throws: ModelError.self) {
            try TextToImageModel(contentsOf: URL(filePath: "no-such-model"))
        }
        #expect(
            missing?.description.hasSuffix(
                "no-such-model: missing; expected a model: a folder in the diffusers layout or a safetensors file")
                == true)
        #expect(try sampled(TextToImageModel(contentsOf: folder)).width == 64)
        #expect(try sampled(TextToImageModel(contentsOf: teacherFolder)).width == 64)
    }

    func sampled(_ model: TextToImageModel) throws -> Picture {
        do {
            return try model.picture(for: "a red heart", seed: 0)
        } catch ModelError.notOneStepModel {
            return try model.picture(for: "a red heart", steps: 2, guidanceScale: 4.5, seed: 0)
        }
    }

    @Test("Memory of models")
    func memory() throws {
        let smaller = temporary.file("smaller")
        let model = try TextToImageModel(contentsOf: folder).keepingEmbeddings(of: ["a red heart", ""])
        #expect(model.keptEmbeddings?.contains(["a red heart"]) == true)
        try model.save(to: smaller, scalarType: .float16)
        #expect(try TextToImageModel(contentsOf: smaller).oneStep != nil)
        let integers = temporary.file("integers")
        let quantized = try TextToImageModel(contentsOf: folder, weights: .int8)
        try quantized.save(to: integers, scalarType: .int8)
        let widened = try TextToImageModel(contentsOf: integers, weights: .float32)
        #expect(widened.network.parameters.all.allSatisfy { $0.value.scalarType == .float32 })
    }
}
