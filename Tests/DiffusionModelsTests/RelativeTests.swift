import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// Latent consistency models and inpainting models with a narrow random network and the other parts of emoji-teacher.
@Suite("Latent consistency and inpainting models", .highestPrecision)
struct RelativeTests {
    private static let teacher = Fixtures.package.appending(path: "Examples/Models/emoji-teacher")

    private func golden() throws -> [String: Tensor] { try Fixtures.tensors("relatives/golden.safetensors") }

    private func picture(_ name: String) throws -> Picture {
        let tensor = try golden().golden(name)
        return try Picture(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.scalars.map { UInt8($0) })
    }

    private func model(_ parts: [String: String]) throws -> TextToImageModel {
        let folder = try RelativeFolder(
            of: Self.teacher, replacing: parts.mapValues { Fixtures.url("relatives/\($0)") })
        return try TextToImageModel(contentsOf: folder.url, storage: .memory)
    }

    private func last(
        _ model: TextToImageModel, _ settings: SamplingSettings, seed: UInt64, _ start: SamplingStart = .noise()
    )
        throws -> Tensor
    {
        var steps = try model.samples(for: ["a red heart"], settings, seed: seed, start: start)
        return try #require(try steps.last()).latents.channelsFirst()
    }

    @Test("A network that reads the guidance scale matches diffusers", arguments: [1, 3.5, 8.5])
    func guidanceEmbedding(scale: Double) throws {
        let network = try model(["unet": "lcm/unet", "scheduler": "lcm/scheduler"]).network
        let guided = try #require(network.guided(byEmbedding: scale))
        let golden = try golden()
        let output = guided.predict(
            Variable(try golden.map("lcm.in")), at: [999, 259],
            given: TextCondition(tokens: try golden.golden("lcm.text")))
        #expect(relativeError(output.value.channelsFirst(), try golden.golden("lcm.unet.\(scale)")) <= 1e-5)
        // 8.5 is the default, and a copy keeps the scale.
        let copy = guided.copy(trainable: false).predict(
            Variable(try golden.map("lcm.in")), at: [999, 259],
            given: TextCondition(tokens: try golden.golden("lcm.text")))
        #expect(copy.value == output.value)
    }

    @Test("A latent consistency model's latents match diffusers' pipeline", arguments: [1, 2, 4, 8])
    func consistency(steps: Int) throws {
        let model = try model(["unet": "lcm/unet", "scheduler": "lcm/scheduler"])
        let found = try last(model, SamplingSettings(steps: steps, guidanceScale: 4), seed: 7)
        #expect(relativeError(found, try golden().golden("lcm.latents.\(steps)")) <= 2e-5)
        #expect(throws: ModelError.self) {
            try last(model, SamplingSettings(steps: steps, guidanceScale: 4, negativePrompt: "a cat"), seed: 7)
        }
    }

    @Test(
        "A LoRA on an ordinary model with the sampler of latent consistency matches diffusers", arguments: [1.0, 2.0])
    func consistencyLoRA(scale: Double) throws {
        var model = try TextToImageModel(contentsOf: Self.teacher)
        try LowRankWeights(contentsOf: Fixtures.url("relatives/lcm-lora")).merge(into: &model)
        let settings = SamplingSettings(steps: 4, guidanceScale: scale, sampler: try model.sampler(named: "lcm"))
        #expect(relativeError(try last(model, settings, seed: 7), try golden().golden("lcm-lora.\(scale)")) <= 2e-5)
    }

    @Test(
        "Inpainting matches diffusers, with an inpainting network and with an ordinary one, from noise and from the image",
        arguments: [9, 4].flatMap { channels in
            [("own", 1.0), ("own", 0.6), ("euler-a", 1.0), ("euler-a", 0.6)].map { (channels, $0.0, $0.1) }
        })
    func inpainting(channels: Int, sampler: String, strength: Double) throws {
        let model = try model(channels == 9 ? ["unet": "inpainting/unet"] : [:])
        let settings = SamplingSettings(
            steps: 5, guidanceScale: 3, negativePrompt: "a cat",
            sampler: try model.sampler(named: sampler == "own" ? nil : "euler-ancestral"))
        let mask = try model.fitted(picture("inpainting.mask"), height: 64, width: 64)
        let start = SamplingStart.inpainting(try picture("inpainting.picture"), mask: mask, strength: strength)
        let found = try last(model, settings, seed: 5, start)
        let expected = try golden().golden("inpainting.\(channels).\(sampler).\(strength)")
        #expect(relativeError(found, expected) <= 5e-5)
        // A batch has the same images.
        var batch = try model.samples(for: ["a red heart", "a red heart"], settings, seed: 4, start: start)
        let second = try #require(try batch.last()).latents.sliced(axis: 0, 1..<2).channelsFirst()
        #expect(relativeError(second, found) <= 5e-5)
    }

    @Test("Single files of both kinds are read")
    func singleFiles() throws {
        let source = try SafetensorsFile(contentsOf: Fixtures.url("single-file/sd1.safetensors"))
        var tensors: [String: Tensor] = [:]
        for name in source.names where source.info(name)?.scalarType.isFloatingPoint == true {
            tensors[name] = try source.tensor(name)
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "relative-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        let (embedding, entrance) = (
            "model.diffusion_model.time_embed.cond_proj.weight", "model.diffusion_model.input_blocks.0.0.weight"
        )
        let shape = try #require(tensors[entrance]).shape
        let changes: [(name: String, shape: [Int])] = [(embedding, [shape[0], 16]), (entrance, [shape[0], 9, 3, 3])]
        for (name, shape) in changes {
            let changed = tensors.merging([name: .ones(shape)]) { $1 }
            try Safetensors.write(changed.map { (name: $0.key, tensor: $0.value) }, to: file)
            let network = try ModelFiles(contentsOf: file).unet()
            #expect(network.configuration.guidanceEmbeddingWidth == (name == embedding ? 16 : nil))
            #expect(network.conditionChannels == (name == embedding ? 0 : 5))
            #expect(RecognizedStudent(at: file)?.student == (name == embedding ? .lcm : nil))
        }
    }

    @Test("An inpainting network without an image, and a mask of another size, are errors")
    func errors() throws {
        let model = try model(["unet": "inpainting/unet"])
        #expect(model.network.latentChannels == 4 && model.network.conditionChannels == 5)
        let settings = SamplingSettings(steps: 2, guidanceScale: 1)
        for start in [SamplingStart.noise(), .picture(try picture("inpainting.picture"), strength: 1)] {
            let error = #expect(throws: ModelError.self) { try last(model, settings, seed: 0, start) }
            #expect("\(try #require(error))".contains("--mask"))
        }
        let error = #expect(throws: ModelError.self) {
            let start = SamplingStart.inpainting(
                try picture("inpainting.picture"), mask: try picture("inpainting.mask"), strength: 1)
            return try last(model, settings, seed: 0, start)
        }
        #expect("\(try #require(error))".contains("64 × 64"))
    }
}

/// A model folder in which some parts are others; removed at its end.
final class RelativeFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "relative-\(UUID().uuidString)")

    init(of model: URL, replacing parts: [String: URL]) throws {
        let files = FileManager.default
        try files.createDirectory(at: url, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: model.path) {
            try files.createSymbolicLink(
                at: url.appending(path: name), withDestinationURL: parts[name] ?? model.appending(path: name))
        }
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
