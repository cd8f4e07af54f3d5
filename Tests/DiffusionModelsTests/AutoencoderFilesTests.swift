import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Standalone autoencoder files")
final class AutoencoderFilesTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "autoencoder-\(UUID().uuidString)")
    private static let tokenizer = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")
    private static let tiny = Fixtures.url("models/tiny/diffusion_pytorch_model.safetensors")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Writes a file with another file's tensors under new names; tensors with the name nil are left out.
    private func file(_ source: URL, named name: String = "a.safetensors", _ naming: (String) -> String?) throws -> URL
    {
        let file = try SafetensorsFile(contentsOf: source)
        var tensors: [(name: String, tensor: Tensor)] = []
        for key in file.names where file.info(key)?.scalarType.isFloatingPoint == true {
            if let name = naming(key) { tensors.append((name, try file.tensor(key))) }
        }
        let url = folder.appending(path: name)
        try Safetensors.write(tensors, to: url)
        return url
    }

    private func outputs(of decoder: any LatentDecoder) -> [Float] {
        var stream = RandomStream(seed: 1)
        return decoder.pictures(of: Variable(stream.normal([1, 4, 4, 4]))).value.scalars
    }

    @Test("The original layout is read with and without its prefix, and from a whole model's file")
    func original() throws {
        let (model, prefix) = (SingleFileFamily.sd1.file, SingleFileCheckpoint.autoencoderPrefix)
        let expected = outputs(of: try ModelFiles(contentsOf: model).autoencoder())
        let isPart = { (key: String) in key.hasPrefix(prefix) }
        let bare = try file(model, named: "bare.safetensors") { isPart($0) ? String($0.dropFirst(prefix.count)) : nil }
        let prefixed = try file(model, named: "prefixed.safetensors") { isPart($0) ? $0 : nil }
        for url in [bare, prefixed, model] {
            #expect(outputs(of: try ModelFiles.latentDecoder(contentsOf: url)) == expected)
            #expect(
                CheckpointKind(tensors: try SafetensorsFile(contentsOf: url).names)
                    == (url == model ? .stableDiffusion1 : .autoencoder))
        }
    }

    @Test("diffusers' layout is read from one file, with sizes from config.json or from the shapes")
    func diffusersLayout() throws {
        let model = try TextToImageModel(contentsOf: SingleFileFamily.sd1.file, tokenizer: Self.tokenizer)
        let saved = folder.appending(path: "saved")
        try model.save(to: saved)
        let weights = saved.appending(path: "vae/diffusion_pytorch_model.safetensors")
        let expected = outputs(of: model.decoder)
        #expect(outputs(of: try ModelFiles.latentDecoder(contentsOf: weights)) == expected)
        let moved = try file(weights) { $0 }
        #expect(outputs(of: try ModelFiles.latentDecoder(contentsOf: moved)) == expected)
        let other = Fixtures.url("models/b/vae/diffusion_pytorch_model.safetensors")
        let decoder = try #require(try ModelFiles.latentDecoder(contentsOf: other) as? AutoencoderKL)
        #expect(decoder.configuration.scalingFactor == 0.13 && decoder.configuration.normalizationGroups == 2)
    }

    @Test("TAESD is read in diffusers' and in the original layout, complete or decoder only")
    func tiny() throws {
        let expected = outputs(of: try ModelFiles.latentDecoder(contentsOf: Fixtures.url("models/tiny")))
        func original(_ key: String) -> String {
            var words = key.split(separator: ".").dropFirst(2).map(String.init)
            words[0] = "\((Int(words[0]) ?? 0) + 1)"
            return words.joined(separator: ".")
        }
        let isDecoder = { (key: String) in key.hasPrefix("decoder.") }
        let files = [
            try file(Self.tiny, named: "diffusers.safetensors") { $0 },
            try file(Self.tiny, named: "decoder.safetensors") { isDecoder($0) ? $0 : nil },
            try file(Self.tiny, named: "taesd_decoder.safetensors") { isDecoder($0) ? original($0) : nil },
            try file(Self.tiny, named: "taesd.safetensors") { key in
                isDecoder(key)
                    ? "taesd_decoder.\(original(key))"
                    : "taesd_encoder." + key.split(separator: ".").dropFirst(2).joined(separator: ".")
            },
        ]
        for url in files {
            let decoder = try #require(try ModelFiles.latentDecoder(contentsOf: url) as? AutoencoderTiny)
            #expect(outputs(of: decoder) == expected, "\(url.lastPathComponent)")
            #expect(decoder.configuration.decoderBlocks == [2, 1, 1] && decoder.pixelsPerLatent == 4)
            #expect(
                decoder.configuration.hasEncoder
                    == ["diffusers", "taesd"].contains(url.lastPathComponent.prefix { $0 != "." }))
            #expect(CheckpointSummary(of: url).problems == [])
        }
        let encoder = try file(Self.tiny, named: "taesd_encoder.safetensors") { key in
            isDecoder(key) ? nil : key.split(separator: ".").dropFirst(2).joined(separator: ".")
        }
        let error = #expect(throws: ModelError.self) { try ModelFiles.latentDecoder(contentsOf: encoder) }
        #expect("\(try #require(error))".hasSuffix("found the encoder of a small autoencoder (TAESD)"))
    }

    @Test("A single file without an autoencoder works with a separate one and is an error without")
    func missing() throws {
        let prefix = SingleFileCheckpoint.autoencoderPrefix
        let bare = try file(SingleFileFamily.sd1.file) { $0.hasPrefix(prefix) ? nil : $0 }
        do {
            _ = try TextToImageModel(contentsOf: bare, tokenizer: Self.tokenizer)
            Issue.record("no error")
        } catch ModelError.missingAutoencoder(let path) {
            #expect(path == bare.path)
        }
        func model(_ autoencoder: URL) throws -> TextToImageModel {
            try TextToImageModel(contentsOf: bare, tokenizer: Self.tokenizer, autoencoder: autoencoder)
        }
        let whole = try TextToImageModel(contentsOf: SingleFileFamily.sd1.file, tokenizer: Self.tokenizer)
        let full = try model(SingleFileFamily.sd1.file)
        #expect(full.autoencoder != nil && outputs(of: full.decoder) == outputs(of: whole.decoder))
        let tiny = try model(Self.tiny)
        #expect(tiny.autoencoder == nil && tiny.decoder is AutoencoderTiny)
        #expect(try tiny.latentSize(height: 64, width: 64) == LatentSize(height: 16, width: 16))
        #expect(throws: ModelError.self) { try tiny.save(to: folder.appending(path: "saved")) }
        let picture = try Picture(width: 4, height: 4, pixels: Array(repeating: 0, count: 48))
        var noise = LatentNoise(seed: 1, count: 1)
        #expect(throws: ModelError.self) { try tiny.latents(of: picture, using: &noise) }
    }

    @Test("Files that are not autoencoders are refused with their kind in the error")
    func strangers() throws {
        for (url, text) in [
            (
                Fixtures.url("models/a/unet/diffusion_pytorch_model.safetensors"),
                "found the denoising network of a diffusers folder"
            ),
            (Fixtures.url("models/a/text_encoder/model.safetensors"), "found a text encoder"),
            (Fixtures.url("models/a"), "name the folder of its autoencoder, \(Fixtures.url("models/a/vae").path)"),
        ] {
            let error = #expect(throws: ModelError.self) { try ModelFiles.latentDecoder(contentsOf: url) }
            #expect("\(try #require(error))".hasSuffix(text))
        }
        // A small autoencoder with too few layers.
        let url = folder.appending(path: "taesd.safetensors")
        try Safetensors.write([(name: "decoder.layers.0.weight", tensor: .zeros([4, 4, 3, 3]))], to: url)
        #expect(throws: ModelError.self) { try ModelFiles.latentDecoder(contentsOf: url) }
    }
}
