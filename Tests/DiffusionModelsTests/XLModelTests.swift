import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// Compares a small random-weight model of Stable Diffusion XL's kind with diffusers in Float32.
@Suite("Stable Diffusion XL", .highestPrecision)
struct XLModelTests {
    private let workshop: XLWorkshop

    init() throws { workshop = try XLWorkshop() }

    @Test("Every part matches diffusers and transformers")
    func parts() throws {
        let comparisons = Array(try CheckpointVerification(of: workshop.model, against: workshop.golden))
        for comparison in comparisons where comparison.name != "onestep.latent" {
            let errors = try #require(comparison.errors, "\(comparison.name)")
            #expect(errors.relative <= ModelParityTests.tolerance, "\(comparison.name) \(errors)")
        }
        #expect(comparisons.count == 6)
    }

    @Test("Prompts are encoded as in diffusers' pipeline, also with skipped layers", arguments: [0, 1])
    func prompts(skipped: Int) throws {
        let golden = try workshop.tensors()
        var encoding = PromptEncoding()
        encoding.skippedLayers = skipped
        let encoder = try ModelFiles(contentsOf: workshop.model).promptEncoder(encoding)
        let name = skipped == 0 ? "text" : "text.skip"
        let prompts = ["a red heart", "two blue squares, and a very long green line!"]
        let found = try encoder.condition(for: prompts, windows: 1)
        #expect(relativeError(found.tokens.value, try golden.golden("\(name).out")) <= ModelParityTests.tolerance)
        let pooled = try #require(found.pooled).value
        #expect(relativeError(pooled, try golden.golden("\(name).pooled")) <= ModelParityTests.tolerance)
        let long = try encoder.condition(for: prompts, windows: 2)
        #expect(long.tokens.shape == [2, 40, 12] && long.pooled?.value.scalars == pooled.scalars)
    }

    @Test("The embeddings of the empty prompt are zeros, unless the model's files say otherwise")
    func emptyPrompt() throws {
        func largest(_ prompt: String) throws -> Float {
            let files = try ModelFiles(contentsOf: workshop.model)
            let found = try files.promptEncoder().loaded().condition(for: ["a cat", prompt], windows: 1)
            #expect(found.tokens.value.sliced(axis: 0, 0..<1).absolute().maximum() > 0)
            let parts = [found.tokens.value, try #require(found.pooled).value]
            return parts.map { Float($0.sliced(axis: 0, 1..<2).absolute().maximum()) }.max() ?? .nan
        }
        #expect(try largest("") == 0)
        #expect(try largest(" ") > 0.1)
        try workshop.set("force_zeros_for_empty_prompt", false, in: "model_index.json")
        #expect(try largest("") > 0.1)
    }

    @Test("A transformer depth per layer, and one residual block in the middle")
    func depthPerLayer() throws {
        let golden = try Fixtures.tensors("models/xl-distilled/golden.safetensors")
        let folder = Fixtures.url("models/xl-distilled/unet")
        let file = folder.appending(path: "config.json")
        let configuration = try UNet2DConditionModel.Configuration(
            ConfigurationFields(contentsOf: file, purpose: "a test"))
        #expect(configuration.transformerLayers == [1, TransformerDepth(perLayer: [2, 1])])
        #expect(configuration.upTransformerLayers == [TransformerDepth(perLayer: [1, 3, 1]), 1])
        #expect(
            try UNet2DConditionModel.Configuration(ConfigurationFields(configuration.json, file: "")) == configuration)
        let network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        try network.parameters.load(from: WeightFiles(in: folder, stem: "diffusion_pytorch_model"))
        let found = network.predict(
            Variable(try golden.map("unet.in")), at: try golden.integers("unet.t").map(Double.init),
            given: try condition(golden))
        let error = relativeError(found.value.channelsFirst(), try golden.golden("unet.out"))
        #expect(error <= ModelParityTests.tolerance)
    }

    private func condition(_ golden: [String: Tensor]) throws -> TextCondition {
        TextCondition(
            tokens: try golden.golden("unet.text"), pooled: try golden.golden("unet.pooled"),
            sizes: try golden.golden("unet.sizes"))
    }

    @Test("Several conditions at once, a shared one among them, give the outputs and gradients of each alone")
    func severalConditions() throws {
        let golden = try workshop.tensors()
        let network = try ModelFiles(contentsOf: workshop.model).unet()
        let (own, noisy) = (try condition(golden), try golden.map("unet.in"))
        let shared = own.gathered(rows: [1])
        func run(_ outputs: (Variable, [TextCondition]) -> [Variable]) throws -> [Tensor] {
            let leaf = Variable.trainable(noisy)
            let found = outputs(leaf, [own, shared])
            (found[0].sum() + found[1].squared().sum()).backward()
            return found.map(\.value) + [try #require(leaf.gradient)]
        }
        let together = try run { network.predict($0, at: [999, 371], givenEach: $1) }
        let alone = try run { leaf, all in
            all.map { network.predict(leaf, at: [999, 371], given: $0.broadcast(to: 2)) }
        }
        for (found, expected) in zip(together, alone) { #expect(relativeError(found, expected) <= 1e-5) }
        #expect(relativeError(together[0].sliced(axis: 0, 0..<1), together[1].sliced(axis: 0, 0..<1)) > 1e-2)
        let both = network.predict(
            Variable(noisy), at: [999, 371], givenEach: [own], and: network, givenEach: [shared])
        for (found, expected) in zip(both.own + both.other, together) {
            #expect(relativeError(found.value, expected) <= 1e-5)
        }
    }

    @Test("A condition without size ids is that of a whole image of the latents' size")
    func defaultSizes() throws {
        let golden = try workshop.tensors()
        let network = try ModelFiles(contentsOf: workshop.model).unet()
        var given = try condition(golden)
        func output(_ sizes: Variable?) throws -> Tensor {
            given.sizes = sizes
            return network.predict(Variable(try golden.map("unet.in")), at: [500], given: given).value
        }
        let size = Tensor([16, 12, 0, 0, 16, 12, 16, 12, 0, 0, 16, 12], shape: [2, 6])
        let whole = try output(nil)
        #expect(try output(Variable(size)).scalars == whole.scalars)
        #expect(relativeError(try output(Variable(size * 2)), whole) > 1e-3)
    }

    @Test("A text encoder without a pooled embedding is an error before anything is computed")
    func missingPooled() throws {
        var model = try TextToImageModel(contentsOf: workshop.model)
        model.textEncoder = try CLIPTextEncoder(ModelFiles(contentsOf: workshop.model))
        let words = "condition: expected pooled text embeddings of width 6"
        func expectError(_ body: () throws -> Void) {
            do {
                try body()
                Issue.record("no error")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        expectError { _ = try model.picture(for: "a cat", steps: 1, guidanceScale: 1, seed: 0) }
        expectError { _ = try model.untrainedStudent().picture(for: "a cat", seed: 0) }
    }

    /// An image that diffusers' pipeline generated.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        var settings = SamplingSettings(steps: 3, guidanceScale: 5)
        var size: LatentSize?
        var change: @Sendable (XLWorkshop) throws -> Void = { _ in }

        static let all = [
            Case(description: "plain"),
            Case(
                description: "negative",
                settings: SamplingSettings(steps: 3, guidanceScale: 5, negativePrompt: "a cat"),
                size: LatentSize(height: 8, width: 12)),
            Case(description: "encoded") {
                try $0.set("force_zeros_for_empty_prompt", false, in: "model_index.json")
            },
            Case(description: "turbo", settings: SamplingSettings(steps: 2, guidanceScale: 0)) { workshop in
                let files = FileManager.default
                try files.removeItem(at: workshop.model.appending(path: "scheduler"))
                try files.moveItem(
                    at: workshop.model.appending(path: "scheduler-turbo"),
                    to: workshop.model.appending(path: "scheduler"))
            },
        ]
    }

    @Test("Images match diffusers' pipeline", arguments: Case.all)
    func picture(of kind: Case) throws {
        try kind.change(workshop)
        let golden = try workshop.tensors()
        let model = try TextToImageModel(contentsOf: workshop.model)
        var steps = try model.samples(for: ["a red heart"], kind.settings, seed: 5, start: .noise(size: kind.size))
        let latents = try #require(try steps.last()).latents
        // A few steps multiply the rounding of one evaluation by the guidance scale.
        let reference = try golden.map("\(kind).latents")
        #expect(relativeError(latents, reference) <= 1e-4)
        let autoencoder = try #require(model.autoencoder)
        #expect(autoencoder.configuration.scalingFactor == 0.13025)
        let decoded = try model.decoder.checkedPictures(of: Variable(reference)).value.channelsFirst()
        let expected = try golden.golden("\(kind).picture")
        #expect(relativeError(decoded, expected) <= ModelParityTests.tolerance)
    }

    @Test("Saving and loading keeps both text encoders, their tokenizers and the image")
    func saving() throws {
        let model = try TextToImageModel(contentsOf: workshop.model)
        let copy = workshop.folder.appending(path: "copy")
        try model.save(to: copy, scalarType: .float16)
        let loaded = try TextToImageModel(contentsOf: copy)
        func picture(_ model: TextToImageModel) throws -> Picture {
            try model.picture(for: "a red heart!", steps: 3, guidanceScale: 5, seed: 1)
        }
        #expect(try picture(loaded) == picture(model))
        #expect(try loaded.textEncoder.fingerprint().matches(model.textEncoder.fingerprint()))
        let summary = CheckpointSummary(of: copy)
        #expect(summary.problems.isEmpty, "\(summary)")
        for part in ["Stable Diffusion XL", "text encoder 2", "tokenizer 2", "pooled width 6"] {
            #expect(summary.description.contains(part), "\(part) in \(summary)")
        }
    }

    @Test(
        "LoRA files change both text encoders and the network, under diffusers' and the original names of its layers",
        arguments: ["diffusers-names", "original-names"])
    func adapters(name: String) throws {
        let golden = try workshop.tensors()
        var model = try TextToImageModel(contentsOf: workshop.model)
        let changes = try LowRankWeights(contentsOf: workshop.model.appending(path: "\(name).safetensors"))
        #expect(changes.layers.count == 9 && changes.layers.allSatisfy { $0.scale == 0.5 })
        try changes.merge(into: &model)
        func check(_ model: TextToImageModel) throws {
            let text = try model.textEncoder.loaded().condition(for: ["a red heart"], windows: 1)
            let output = model.network.predict(
                Variable(try golden.map("unet.in")), at: try golden.integers("unet.t").map(Double.init),
                given: try condition(golden))
            let found = [
                ("unet", output.value.channelsFirst()), ("text", text.tokens.value),
                ("pooled", try #require(text.pooled).value),
            ]
            for (part, value) in found {
                #expect(
                    relativeError(value, try golden.golden("adapted.\(part)")) <= ModelParityTests.tolerance, "\(part)")
            }
        }
        try check(model)
        let folder = workshop.folder.appending(path: "lora")
        var other = try TextToImageModel(contentsOf: workshop.model)
        try changes.save(to: folder, as: .diffusers, for: other)
        try LowRankWeights(contentsOf: folder).merge(into: &other)
        try check(other)
        let summary = CheckpointSummary(of: folder)
        #expect(summary.description.contains("5 of the unet, 2 of the text encoder, 2 of the second one"), "\(summary)")
    }
}
