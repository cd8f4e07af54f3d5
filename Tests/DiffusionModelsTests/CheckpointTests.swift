import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

/// Tests with temporary copies of a checkpoint folder, which are damaged or rewritten.
@Suite("Checkpoint folders")
final class CheckpointTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "checkpoint-\(UUID().uuidString)")
    private var model: URL { root.appending(path: "model") }

    init() throws {
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: ParityModel.all[0].folder, to: model)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    private func file(_ path: String) -> URL { model.appending(path: path) }

    /// Rewrites a weights file with renamed, fewer or more tensors.
    private func rewrite(
        _ path: String, to other: String? = nil, _ change: (inout [String: Tensor]) -> Void
    ) throws {
        let source = try SafetensorsFile(contentsOf: file(path))
        var tensors: [String: Tensor] = [:]
        for name in source.names { tensors[name] = try source.tensor(name) }
        change(&tensors)
        let sorted = tensors.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
        try Safetensors.write(sorted, to: file(other ?? path))
    }

    private func write(_ json: String, to path: String) throws { try Data(json.utf8).write(to: file(path)) }

    static let missing = [
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
    ]

    @Test("A missing file is named in the error", arguments: missing)
    func missingFile(path: String) throws {
        try FileManager.default.removeItem(at: file(path))
        do {
            _ = try loadNetworks()
            Issue.record("no error")
        } catch ModelError.missingFile(let found, _) {
            #expect(found.hasSuffix(path))
        }
    }

    private func loadNetworks() throws {
        let directory = try ModelFiles(contentsOf: model)
        _ = try directory.schedule()
        _ = try directory.textEncoder()
        _ = try directory.autoencoder()
        _ = try directory.unet()
    }

    @Test("Truncated JSON is refused with its path", arguments: missing.filter { $0.hasSuffix(".json") })
    func truncatedJSON(path: String) throws {
        try Data(contentsOf: file(path)).dropLast(3).write(to: file(path))
        do {
            _ = try loadNetworks()
            Issue.record("no error")
        } catch ModelError.unreadableFile(let found, _) {
            #expect(found.hasSuffix(path))
        }
    }

    @Test("Shards are read through their index")
    func shards() throws {
        let single = "unet/diffusion_pytorch_model.safetensors"
        let expected = try ModelFiles(contentsOf: model).unet().parameters.checkpointTensors()
        let (first, second) = ("unet/part-1.safetensors", "unet/part-2.safetensors")
        try rewrite(single, to: first) { $0 = $0.filter { $0.key < "mid" } }
        try rewrite(single, to: second) { $0 = $0.filter { $0.key >= "mid" } }
        try FileManager.default.removeItem(at: file(single))
        let index = "\(single).index.json"
        let map = Dictionary(
            uniqueKeysWithValues: expected.map { ($0.name, "part-\($0.name < "mid" ? 1 : 2).safetensors") })
        try JSONEncoder().encode(["weight_map": map]).write(to: file(index))
        let found = try ModelFiles(contentsOf: model).unet().parameters.checkpointTensors()
        #expect(zip(found, expected).allSatisfy { $0.name == $1.name && $0.tensor.scalars == $1.tensor.scalars })
    }

    @Test("The fp16 variant, also in shards, is used if there are no full-precision weights")
    func variants() throws {
        let path = "unet/diffusion_pytorch_model"
        let (single, half) = ("\(path).safetensors", "\(path).fp16.safetensors")
        func bias() throws -> Float {
            try #require(try ModelFiles(contentsOf: model).unet().parameters["conv_in.bias"]).value[0]
        }
        try rewrite(single, to: half) { $0["conv_in.bias"]?[0] = 5 }
        #expect(try bias() != 5)
        try FileManager.default.removeItem(at: file(single))
        #expect(try bias() == 5)
        try rewrite(half, to: "unet/part-1.fp16.safetensors") { $0["conv_in.bias"]?[0] = 6 }
        let names = try SafetensorsFile(contentsOf: file(half)).names
        let map = Dictionary(uniqueKeysWithValues: names.map { ($0, "part-1.fp16.safetensors") })
        try JSONEncoder().encode(["weight_map": map]).write(to: file("\(path).safetensors.index.fp16.json"))
        #expect(try bias() == 5)
        try FileManager.default.removeItem(at: file(half))
        #expect(try bias() == 6)
        try FileManager.default.removeItem(at: file("\(path).safetensors.index.fp16.json"))
        for variant in ["bf16", "non_ema"] {
            let other = "\(path).\(variant).safetensors"
            try rewrite("unet/part-1.fp16.safetensors", to: other) { $0["conv_in.bias"]?[0] = 7 }
            #expect(try bias() == 7)
            #expect(CheckpointSummary(of: model).description.contains(", variant \(variant)"))
            try FileManager.default.removeItem(at: file(other))
        }
    }

    @Test("Old keys of the autoencoder's attention are read, as linear weights and as 1×1 convolutions")
    func oldAutoencoderKeys() throws {
        let expected = try ModelFiles(contentsOf: model).autoencoder().parameters.checkpointTensors()
        let path = "vae/diffusion_pytorch_model.safetensors"
        let old = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
        try rewrite(path) { tensors in
            for (name, tensor) in tensors where name.contains(".attentions.") {
                guard let (new, former) = old.first(where: { name.contains(".\($0.key).") }) else { continue }
                tensors[name] = nil
                let renamed = name.replacing(".\(new).", with: ".\(former).")
                tensors[renamed] = tensor.rank == 2 ? tensor.reshaped(to: tensor.shape + [1, 1]) : tensor
            }
        }
        let names = try SafetensorsFile(contentsOf: file(path)).names
        #expect(names.contains("decoder.mid_block.attentions.0.proj_attn.weight"))
        let found = try ModelFiles(contentsOf: model).autoencoder().parameters.checkpointTensors()
        #expect(zip(found, expected).allSatisfy { $0.name == $1.name && $0.tensor.scalars == $1.tensor.scalars })
    }

    @Test("Text encoder keys are read with and without text_model.; position_ids is ignored")
    func textPrefix() throws {
        let path = "text_encoder/model.safetensors"
        let expected = try ModelFiles(contentsOf: model).textEncoder().parameters.checkpointTensors()
        let prefix = "text_model."
        for isPrefixed in [true, false] {
            try rewrite(path) { tensors in
                for (name, tensor) in tensors {
                    tensors[name] = nil
                    let bare = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
                    tensors[isPrefixed ? prefix + bare : bare] = tensor
                }
                tensors[(isPrefixed ? prefix : "") + "embeddings.position_ids"] = .zeros([1, 20])
            }
            let found = try ModelFiles(contentsOf: model).textEncoder().parameters.checkpointTensors()
            #expect(zip(found, expected).allSatisfy { $0.name == $1.name && $0.tensor.scalars == $1.tensor.scalars })
        }
    }

    @Test("Loaded weights are frozen")
    func frozen() throws {
        let unet = try ModelFiles(contentsOf: model).unet()
        #expect(unet.parameters.all.allSatisfy { !$0.isTrainable })
    }
}
