import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// A family of Stable Diffusion and its single-file fixtures.
enum SingleFileFamily: String, CaseIterable, Sendable {
    case sd1, sd2

    var file: URL { Fixtures.url("single-file/\(rawValue).safetensors") }
    var golden: URL { Fixtures.url("single-file/golden-\(rawValue).safetensors") }

    /// The tensors of the full-size model: key, shape, and `part:name` of the weights in them.
    func fullSizeKeys() throws -> [(key: String, shape: [Int], names: [String])] {
        let text = try String(contentsOf: Fixtures.url("single-file/keys-\(rawValue).txt"), encoding: .utf8)
        return text.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            return (words[0], words[1].split(separator: "x").compactMap { Int($0) }, Array(words.dropFirst(2)))
        }
    }
}

@Suite("Single-file checkpoints in the original layout", .highestPrecision)
final class SingleFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "single-\(UUID().uuidString)")
    private static let tokenizer = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("Every part matches diffusers and transformers", arguments: SingleFileFamily.allCases)
    func parity(family: SingleFileFamily) throws {
        let comparisons = Array(try CheckpointVerification(of: family.file, against: family.golden))
        for comparison in comparisons where comparison.name != "onestep.latent" {
            let errors = try #require(comparison.errors, "\(comparison.name)")
            #expect(errors.relative <= ModelParityTests.tolerance, "\(comparison.name)")
        }
        #expect(comparisons.count == 5)
    }

    @Test("Saving as a diffusers folder keeps the generated image bit for bit", arguments: SingleFileFamily.allCases)
    func saving(family: SingleFileFamily) throws {
        var model = try TextToImageModel(contentsOf: family.file, tokenizer: Self.tokenizer)
        model.network = try small(ModelFiles(contentsOf: family.file).unet())
        try model.save(to: folder)
        let loaded = try TextToImageModel(contentsOf: folder)
        #expect(loaded.schedule.configuration.stated == model.schedule.configuration.stated)
        #expect(loaded.schedule.cumulativeAlphas == model.schedule.cumulativeAlphas)
        #expect(try loaded.clip().configuration == model.clip().configuration)
        #expect(loaded.autoencoder?.configuration == model.autoencoder?.configuration)
        func picture(_ model: TextToImageModel) throws -> Picture {
            // With fewer than 5 steps, a single file, which names no scheduler, uses its own timesteps.
            try model.picture(for: "a red heart", steps: 5, guidanceScale: 2, seed: 1)
        }
        #expect(try picture(loaded) == picture(model))
    }

    /// The same network for latents of 8 × 8, which is faster.
    private func small(_ unet: UNet2DConditionModel) throws -> UNet2DConditionModel {
        var configuration = unet.configuration
        configuration.sampleSize = LatentSize(height: 8, width: 8)
        return UNet2DConditionModel(configuration, in: unet.parameters.scope)
    }

    @Test(
        "Full-size models get the published configurations, and every key is mapped",
        arguments: SingleFileFamily.allCases)
    func fullSize(family: SingleFileFamily) throws {
        let keys = try family.fullSizeKeys()
        let checkpoint = try ModelFiles(contentsOf: hollowFile(keys.map { ($0.key, $0.shape) }, in: folder))
        let unet = try UNet2DConditionModel.Configuration(checkpoint.layout.fields(.unet))
        let text = try CLIPTextModel.Configuration(checkpoint.layout.fields(.textEncoder))
        let autoencoder = try AutoencoderKL.Configuration(checkpoint.layout.fields(.vae))
        var expected = UNet2DConditionModel.Configuration()
        let isSecond = family == .sd2
        expected.crossAttentionWidths = Array(repeating: isSecond ? 1024 : 768, count: 4)
        expected.headCounts = isSecond ? [5, 10, 20, 20] : [8, 8, 8, 8]
        expected.usesLinearProjection = isSecond
        let side = isSecond ? 96 : 64
        expected.sampleSize = LatentSize(height: side, width: side)
        #expect(unet == expected)
        #expect(text.layers == (isSecond ? 23 : 12) && text.heads == (isSecond ? 16 : 12))
        #expect(text.activation == (isSecond ? .gelu : .quickGELU))
        #expect(autoencoder.blockChannels == [128, 256, 512, 512] && autoencoder.layersPerBlock == 2)
        #expect(autoencoder.scalingFactor == 0.18215)
        #expect(try checkpoint.schedule().predictionType == (isSecond ? .velocity : .epsilon))

        var shapes: [String: [String: [Int]]] = [:]
        for (_, shape, names) in keys {
            for name in names {
                let words = name.split(separator: ":").map(String.init)
                let rows = shape[0] / names.count
                let isPointwise = shape.count == 4 && words[0] == "vae" && words[1].contains(".attentions.")
                shapes[words[0], default: [:]][words[1]] =
                    isPointwise ? [shape[0], shape[1]] : [rows] + shape.dropFirst()
            }
        }
        for part in [ModelFiles.Part.unet, .vae, .textEncoder] {
            let weights = try checkpoint.layout.weights(part)
            let wanted = try #require(shapes[part.rawValue])
            #expect(Set(weights.names) == Set(wanted.keys))
            #expect(wanted.allSatisfy { weights.shape(of: $0.key) == $0.value })
        }
    }

    /// Copies a fixture with changed tensors.
    private func rewritten(
        _ family: SingleFileFamily, metadata: [String: String] = [:], _ change: (inout [String: Tensor]) -> Void
    ) throws -> URL {
        let source = try SafetensorsFile(contentsOf: family.file)
        var tensors: [String: Tensor] = [:]
        for name in source.names where source.info(name)?.scalarType.isFloatingPoint == true {
            tensors[name] = try source.tensor(name)
        }
        change(&tensors)
        let url = folder.appending(path: "\(UUID().uuidString).safetensors")
        try Safetensors.write(tensors.map { (name: $0.key, tensor: $0.value) }, metadata: metadata, to: url)
        return url
    }

    private func parameters(of url: URL) throws -> [(name: String, tensor: Tensor)] {
        try ModelFiles(contentsOf: url).textEncoder().parameters.checkpointTensors()
    }

    @Test("CLIP's keys may lack text_model.")
    func bareTextKeys() throws {
        let bare = try rewritten(.sd1) { tensors in
            for (name, tensor) in tensors where name.contains(".text_model.") {
                tensors[name] = nil
                tensors[name.replacing(".text_model.", with: ".")] = tensor
            }
        }
        let (found, expected) = (try parameters(of: bare), try parameters(of: SingleFileFamily.sd1.file))
        #expect(zip(found, expected).allSatisfy { $0.name == $1.name && $0.tensor.scalars == $1.tensor.scalars })
    }

    @Test("OpenCLIP's last layer is not read, except in files with 23 layers, which lack it already")
    func lastLayer() throws {
        let prefix = "cond_stage_model.model.transformer.resblocks."
        func layers(_ count: Int) throws -> Int {
            let url = try rewritten(.sd2) { tensors in
                for (name, tensor) in tensors where name.hasPrefix("\(prefix)0.") {
                    for layer in 3..<count {
                        tensors[name.replacing("\(prefix)0.", with: "\(prefix)\(layer).")] = tensor
                    }
                }
            }
            return try ModelFiles(contentsOf: url).textEncoder().configuration.layers
        }
        #expect(try layers(3) == 2)
        #expect(try layers(23) == 23)
        #expect(try layers(24) == 23)
    }

    @Test("The prediction type comes from the argument, the metadata or the family, in this order")
    func predictionType() throws {
        #expect(try ModelFiles(contentsOf: SingleFileFamily.sd1.file).schedule().predictionType == .epsilon)
        #expect(try ModelFiles(contentsOf: SingleFileFamily.sd2.file).schedule().predictionType == .velocity)
        let base = try ModelFiles(contentsOf: SingleFileFamily.sd2.file, predictionType: .epsilon)
        #expect(try base.schedule().predictionType == .epsilon)
        #expect(try UNet2DConditionModel.Configuration(base.layout.fields(.unet)).sampleSize?.height == 64)
        let described = try rewritten(.sd2, metadata: ["modelspec.prediction_type": "epsilon"]) { _ in }
        #expect(try ModelFiles(contentsOf: described).schedule().predictionType == .epsilon)
        #expect(
            try ModelFiles(contentsOf: described, predictionType: .sample).schedule().predictionType == .sample)
        #expect(
            try ModelFiles(contentsOf: ParityModel.all[0].folder, predictionType: .velocity).schedule()
                .predictionType == .velocity)
    }

    @Test("Known unused tensors are ignored; unknown ones are an error")
    func strangers() throws {
        let known = [
            "alphas_cumprod_prev", "sqrt_one_minus_alphas_cumprod", "posterior_mean_coef1", "logvar",
            "cond_stage_model.logit_scale", "cond_stage_model.text_projection", "first_stage_model.loss.logvar",
            "cond_stage_model.transformer.text_projection.weight", "model_ema.diffusion_modelout2bias",
            "cond_stage_model.transformer.vision_model.embeddings.class_embedding", "optimizer_states.0.exp_avg",
            "cond_stage_model.transformer.logit_scale", "epoch",
            "cond_stage_model.transformer.text_model.embeddings.position_ids",
        ]
        let url = try rewritten(.sd1) { tensors in for name in known { tensors[name] = Tensor(1) } }
        _ = try ModelFiles(contentsOf: url).textEncoder()
        let second = try rewritten(.sd2) { tensors in
            for name in ["visual.proj", "attn_mask", "transformer.position_ids", "logit_scale"] {
                tensors["cond_stage_model.model.\(name)"] = Tensor(1)
            }
            tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = Tensor(1)
        }
        _ = try ModelFiles(contentsOf: second).textEncoder()
        let strangers = [
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn3.weight", "model.stranger",
            "first_stage_model.encoder.down.0.stranger.weight",
        ]
        for stranger in strangers {
            let url = try rewritten(.sd1) { tensors in tensors[stranger] = Tensor(1) }
            do {
                _ = try ModelFiles(contentsOf: url).unet()
                _ = try ModelFiles(contentsOf: url).autoencoder()
                Issue.record("no error for \(stranger)")
            } catch ModelError.weightMismatch(_, let mismatch) {
                #expect(mismatch.unexpected.count == 1)
            }
        }
    }

    @Test(
        "EMA weights of the denoising network are read if the file has no others",
        arguments: SingleFileFamily.allCases)
    func averages(family: SingleFileFamily) throws {
        let prefix = SingleFileCheckpoint.unetPrefix
        let url = try rewritten(family) { tensors in
            for (name, tensor) in tensors where name.hasPrefix(prefix) {
                tensors[name] = nil
                tensors["model_ema.diffusion_model" + name.dropFirst(prefix.count).replacing(".", with: "")] = tensor
            }
        }
        let checkpoint = try ModelFiles(contentsOf: url)
        let (found, expected) = (try checkpoint.unet(), try ModelFiles(contentsOf: family.file).unet())
        #expect(found.configuration == expected.configuration)
        let pairs = zip(found.parameters.checkpointTensors(), expected.parameters.checkpointTensors())
        #expect(pairs.allSatisfy { $0.name == $1.name && $0.tensor.scalars == $1.tensor.scalars })
        #expect(CheckpointSummary(of: url).description.contains("EMA), since the file has no other weights"))
    }

    @Test(
        "Every key of the full-size models is recovered from its EMA name", arguments: SingleFileFamily.allCases)
    func averagedNames(family: SingleFileFamily) throws {
        let prefix = SingleFileCheckpoint.unetPrefix
        for key in try family.fullSizeKeys().map(\.key) where key.hasPrefix(prefix) {
            let name = String(key.dropFirst(prefix.count))
            #expect(AveragedNames.original(of: "model_ema.diffusion_model" + name.replacing(".", with: "")) == name)
        }
    }

    @Test("A network without a middle block is recognised")
    func noMiddle() throws {
        let url = try rewritten(.sd1) { tensors in
            tensors = tensors.filter { !$0.key.hasPrefix("model.diffusion_model.middle_block.") }
        }
        let (found, whole) = (
            try ModelFiles(contentsOf: url).unet(),
            try ModelFiles(contentsOf: SingleFileFamily.sd1.file).unet()
        )
        var configuration = whole.configuration
        configuration.midBlockType = nil
        #expect(found.configuration == configuration)
        #expect(found.parameters.paths == whole.parameters.paths.filter { !$0.hasPrefix("mid_block.") })
    }
}

/// A sparse file of tensors, whose data take no disk space.
func hollowFile(_ tensors: [(key: String, shape: [Int])], in folder: URL) throws -> URL {
    var end = 0
    let fields = tensors.map { key, shape in
        let start = end
        end += shape.reduce(1, *)
        return #""\#(key)":{"dtype":"U8","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}"#
    }
    let header = Data("{\(fields.joined(separator: ","))}".utf8)
    let url = folder.appending(path: "hollow.safetensors")
    try (withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header).write(to: url)
    let file = try FileHandle(forWritingTo: url)
    try file.truncate(atOffset: UInt64(8 + header.count + end))
    try file.close()
    return url
}
