import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("CLIPAlignment")
struct CLIPTests {
    private let captions = ["a red heart", "woman firefighter with medium skin tone", ""]
    private let tokenizer = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")

    private func alignment(_ layout: String, prefix: String = "a picture of ") throws -> CLIPAlignment {
        try CLIPAlignment(contentsOf: Fixtures.url("clip/\(layout)"), tokenizer: tokenizer, prefix: prefix)
    }

    @Test("Embeddings with random weights match PyTorch", arguments: ["transformers", "openclip"])
    func parity(layout: String) throws {
        let golden = try Fixtures.tensors("clip/embeddings.safetensors")
        let clip = try alignment(layout)
        let pixels = try #require(golden["picture"])
        let picture = try Picture(
            width: pixels.shape[1], height: pixels.shape[0], pixels: pixels.scalars.map { UInt8($0) })
        let network = clip.pictureNetwork
        let features = try network(network.preparation(picture).reshaped(to: [1, 32, 32, 3]))
        let pictureError = relativeError(clip.pictureEmbeddings(features), try #require(golden["\(layout).picture"]))
        #expect(pictureError <= 1e-4, "\(pictureError)")
        let textError = relativeError(clip.textEmbeddings(captions), try #require(golden["\(layout).texts"]))
        #expect(textError <= 1e-4, "\(textError)")
    }

    @Test("The prefix is prepended to each caption and is part of the name")
    func prefix() throws {
        let (with, without) = (try alignment("openclip"), try alignment("openclip", prefix: ""))
        #expect(with.name == "CLIP openclip, prefix \"a picture of \"" && without.name == "CLIP openclip, no prefix")
        let written = without.textEmbeddings(captions.map { "a picture of " + $0 })
        #expect(with.textEmbeddings(captions).scalars == written.scalars)
        #expect(without.textEmbeddings(captions).scalars != written.scalars)
    }

    @Test("Folders without a model, and weights that do not fit the configuration, are rejected")
    func errors() throws {
        #expect(throws: EvaluationError.self) {
            try CLIPAlignment(contentsOf: Fixtures.url("tokenizer"), tokenizer: tokenizer)
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = ["open_clip_config.json", "open_clip_model.safetensors"]
        for name in files {
            try FileManager.default.copyItem(
                at: Fixtures.url("clip/openclip/\(name)"), to: folder.appending(path: name))
        }
        let configuration = folder.appending(path: files[0])
        let text = try String(contentsOf: configuration, encoding: .utf8)
        for (old, new, field) in [
            ("\"layers\": 2", "\"layers\": 3", nil), ("\"patch_size\": 8", "\"patch_size\": 7", "image_size"),
            ("\"patch_size\": 8", "\"patch_size\": 0", "patch_size"),
            ("\"head_width\": 16", "\"head_width\": 0", "head_width"),
            ("\"layers\": 2", "\"layers\": [2, 2]", "layers"), ("\"layers\": 2", "\"layers\": 1000000000", "layers"),
            ("\"layers\": 2", "\"layers\": 1000", nil), ("\"mlp_ratio\": 1.5", "\"mlp_ratio\": 1e300", "mlp_ratio"),
            ("\"image_size\": 32", "\"image_size\": 0", "image_size"),
            ("\"vocab_size\": 2069", "\"vocab_size\": -1", "vocab_size"),
        ] as [(String, String, String?)] {
            try text.replacingOccurrences(of: old, with: new).write(
                to: configuration, atomically: true, encoding: .utf8)
            let error = #expect(throws: (any Error).self) {
                try CLIPAlignment(contentsOf: folder, tokenizer: tokenizer)
            }
            #expect(error is ModelError && text.contains(old), "\(String(describing: error))")
            if let field { #expect("\(try #require(error))".contains("_cfg.\(field)\"")) }
        }
    }
}
