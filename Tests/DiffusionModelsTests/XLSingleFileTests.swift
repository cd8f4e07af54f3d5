import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

/// Stable Diffusion XL in one file in the original layout.
@Suite("Stable Diffusion XL in a single file", .highestPrecision)
struct XLSingleFileTests {
    private let file = Fixtures.url("single-file/sdxl.safetensors")

    @Test("Both text encoders and the network match diffusers and transformers")
    func parity() throws {
        let golden = Fixtures.url("single-file/golden-sdxl.safetensors")
        let comparisons = try CheckpointVerification(of: file, against: golden).filter { $0.errors != nil }
        for comparison in comparisons {
            #expect(try #require(comparison.errors).relative <= ModelParityTests.tolerance, "\(comparison.name)")
        }
        #expect(comparisons.map(\.name) == ["text.out", "text.pooled", "unet.out"])
    }

    /// The tensors of the full-size model: key, shape, and `part:name` of the weights in them.
    private func fullSizeKeys() throws -> [(key: String, shape: [Int], names: [String])] {
        let text = try String(contentsOf: Fixtures.url("single-file/keys-sdxl.txt"), encoding: .utf8)
        return text.split(separator: "\n").flatMap { line -> [(String, [Int], [String])] in
            guard let range = line.firstMatch(of: /\{0-(\d+)\}/) else { return [words(of: String(line))] }
            return (0...(Int(range.1) ?? 0)).map { words(of: String(line).replacing(String(range.0), with: "\($0)")) }
        }
    }

    private func words(of line: String) -> (String, [Int], [String]) {
        let words = line.split(separator: " ").map(String.init)
        return (words[0], words[1].split(separator: "x").compactMap { Int($0) }, Array(words.dropFirst(2)))
    }

    @Test("The full-size model gets the published configuration, and every key is mapped")
    func fullSize() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "single-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let keys = try fullSizeKeys()
        #expect(keys.count == 1680 + 197 + 388)
        let hollow = try hollowFile(keys.map { ($0.key, $0.shape) }, in: folder)
        let checkpoint = try ModelFiles(contentsOf: hollow, tokenizer: XLWorkshop.tokenizer)
        #expect(checkpoint.hasTwoTextEncoders && !checkpoint.hasAutoencoder)
        var expected = UNet2DConditionModel.Configuration()
        expected.sampleSize = LatentSize(height: 128, width: 128)
        expected.blockChannels = [320, 640, 1280]
        (expected.downBlockTypes, expected.upBlockTypes) = (
            [.plain, .crossAttention, .crossAttention], [.crossAttention, .crossAttention, .plain]
        )
        (expected.layersPerBlock, expected.headCounts) = ([2, 2, 2], [5, 10, 20])
        (expected.transformerLayers, expected.crossAttentionWidths) = ([1, 2, 10], [2048, 2048, 2048])
        (expected.usesLinearProjection, expected.sizeEmbeddingWidth, expected.pooledWidth) = (true, 256, 1280)
        #expect(try checkpoint.unetConfiguration() == expected)
        let first = try checkpoint.textEncoderConfiguration()
        let second = try checkpoint.textEncoderConfiguration(.textEncoder2)
        #expect((first.layers, first.heads, first.activation) == (12, 12, .quickGELU))
        #expect((second.layers, second.heads, second.activation) == (32, 20, .gelu))
        #expect(second.hasProjection && second.projectionWidth == 1280 && second.endToken == 2)
        #expect(try checkpoint.schedule().predictionType == .epsilon)
        let tokenizers = [try checkpoint.tokenizer(), try checkpoint.tokenizer(.tokenizer2)]
        #expect(tokenizers.map(\.paddingToken) == [tokenizers[0].endToken, 0])
        #expect(tokenizers[1].tokens(of: "!") == [0])

        var shapes: [String: [String: [Int]]] = [:]
        for (_, shape, names) in keys {
            for name in names {
                let words = name.split(separator: ":").map(String.init)
                let isTransposed = words[1] == "text_projection.weight"
                shapes[words[0], default: [:]][words[1]] =
                    isTransposed ? shape.reversed() : [shape[0] / names.count] + shape.dropFirst()
            }
        }
        for part in [ModelFiles.Part.unet, .textEncoder, .textEncoder2] {
            let weights = try checkpoint.layout.weights(part)
            let wanted = try #require(shapes[part.rawValue])
            #expect(Set(weights.names) == Set(wanted.keys))
            #expect(wanted.allSatisfy { weights.shape(of: $0.key) == $0.value })
        }
    }

    @Test("The original names of LoRA layers are those of the single file")
    func originalNames() throws {
        let prefix = SingleFileCheckpoint.unetPrefix
        let pairs = try fullSizeKeys().filter { $0.key.hasPrefix(prefix) && $0.key.hasSuffix(".weight") }.map {
            (
                $0.key.dropFirst(prefix.count).dropLast(".weight".count),
                $0.names[0].dropFirst("unet:".count).dropLast(".weight".count)
            )
        }
        let found = OriginalUNetPaths.paths(of: pairs.map { String($0.1) })
        for (original, path) in pairs {
            #expect(found[String(original).replacing(".", with: "_")] == String(path), "\(original)")
        }
    }

    @Test("A tokenizer's folder serves both text encoders, and is saved with the padding of each")
    func saving() throws {
        let workshop = try XLWorkshop()
        var model = try TextToImageModel(
            contentsOf: workshop.model, tokenizer: nil, autoencoder: nil)
        let files = FileManager.default
        try files.removeItem(at: workshop.model.appending(path: "tokenizer_2"))
        model = try TextToImageModel(contentsOf: workshop.model, tokenizer: XLWorkshop.tokenizer)
        let golden = try workshop.tensors()
        func check(_ model: TextToImageModel) throws {
            let found = try model.textEncoder.condition(
                for: ["two blue squares, and a very long green line!"], windows: 1)
            let expected = try golden.golden("text.out").sliced(axis: 0, 1..<2)
            #expect(relativeError(found.tokens.value, expected) <= ModelParityTests.tolerance)
        }
        try check(model)
        let copy = workshop.folder.appending(path: "copy")
        try model.save(to: copy)
        try check(TextToImageModel(contentsOf: copy))
    }
}
