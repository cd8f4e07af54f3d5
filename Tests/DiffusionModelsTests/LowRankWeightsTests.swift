import Autograd
import Foundation
import Tensor
import TestFixtures
import Testing

@testable import DiffusionModels

@Suite("LoRA files")
final class LowRankWeightsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lora-\(UUID().uuidString)")
    private let model = ParityModel.all[0]
    private static let adapter = Fixtures.url("adapters/adapter")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What the network computes on the golden input.
    private func output(of network: UNet2DConditionModel) throws -> Tensor {
        let golden = try model.golden()
        return network(
            Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
            textEmbeddings: Variable(try golden.golden("unet.text"))
        ).value.channelsFirst()
    }

    private func expected() throws -> Tensor {
        try Fixtures.tensors("adapters/golden.safetensors").golden("unet.out")
    }

    @Test("A file of peft's changes the network as peft does, and is taken out again")
    func peft() throws {
        let network = try ModelDirectory(model.folder).unet()
        let plain = try output(of: network)
        let weights = try LowRankWeights(contentsOf: Self.adapter)
        #expect(weights.layers.count == 28)
        try weights.merge(into: [.unet: network.parameters])
        #expect(relativeError(try output(of: network), try expected()) <= 2e-5)
        try weights.merge(into: [.unet: network.parameters], weight: -1)
        #expect(relativeError(try output(of: network), plain) <= 2e-5)
    }

    /// From PEFT's path of a layer to the names of its matrices in another layout.
    private static let layouts: [String: @Sendable (String) -> (down: String, up: String)] = [
        "PEFT in memory": { ("\($0).lora_A.default.weight", "\($0).lora_B.default.weight") },
        "diffusers": { ("unet.\($0).lora_A.weight", "unet.\($0).lora_B.weight") },
        "diffusers before": { ("unet.\($0).lora.down.weight", "unet.\($0).lora.up.weight") },
        "diffusers at first": { path in
            // Only attention has a processor; other layers had the layout between.
            guard let dot = path.range(of: ".to_") else {
                return ("unet.\(path).lora.down.weight", "unet.\(path).lora.up.weight")
            }
            let name = path[dot.lowerBound...].dropFirst().replacingOccurrences(of: "to_out.0", with: "to_out")
            let processor = "unet.\(path[..<dot.lowerBound]).processor.\(name)_lora"
            return ("\(processor).down.weight", "\(processor).up.weight")
        },
        "kohya": { path in
            let flat = "lora_unet_" + path.replacingOccurrences(of: ".", with: "_")
            return ("\(flat).lora_down.weight", "\(flat).lora_up.weight")
        },
    ]

    @Test("All layouts mean the same", arguments: layouts.keys.sorted())
    func layout(name: String) throws {
        let source = try SafetensorsFile(contentsOf: Self.adapter.appending(path: "adapter_model.safetensors"))
        let rename = try #require(Self.layouts[name])
        var tensors: [(name: String, tensor: Tensor)] = []
        for key in source.names where key.hasSuffix(".lora_A.weight") {
            let path = String(key.dropFirst("base_model.model.".count).dropLast(".lora_A.weight".count))
            let names = rename(path)
            let up = try source.tensor("base_model.model.\(path).lora_B.weight")
            tensors.append((names.down, try source.tensor(key)))
            // Where no alpha can be told it is the rank, so that the scale of 3/2 goes into the matrix.
            if name == "kohya" {
                tensors.append((names.up, up))
                tensors.append((names.down.replacingOccurrences(of: ".lora_down.weight", with: ".alpha"), Tensor(3)))
            } else {
                tensors.append((names.up, up * 1.5))
            }
        }
        let file = folder.appending(path: "pytorch_lora_weights.safetensors")
        try Safetensors.write(tensors, to: file)
        let network = try ModelDirectory(model.folder).unet()
        try LowRankWeights(contentsOf: folder).merge(into: [.unet: network.parameters])
        #expect(relativeError(try output(of: network), try expected()) <= 2e-5)
    }

    @Test("Adapters that were trained here are saved as PEFT's and mean the same merged")
    func saving() throws {
        let directory = try ModelDirectory(model.folder)
        let network = try directory.unet()
        let adapters = LowRankAdapterSet(rank: 3, alpha: 4, targets: ["to_v", "conv2"])
        let adapted = UNet2DConditionModel(network.configuration, in: network.parameters.scope(adapters: adapters))
        var stream = RandomStream(seed: 1)
        for parameter in adapters.parameters.all { parameter.value = stream.normal(parameter.shape) * 0.2 }
        let expected = try output(of: adapted)
        try adapters.save(to: folder)
        let merged = try directory.unet()
        try LowRankWeights(contentsOf: folder).merge(into: [.unet: merged.parameters])
        #expect(relativeError(try output(of: merged), expected) <= 2e-5)
        #expect(relativeError(try output(of: network), expected) > 0.01)
    }

    @Test("Files that do not fit are refused, and nothing is changed")
    func errors() throws {
        let file = folder.appending(path: "lora.safetensors")
        func expectError(_ tensors: [(name: String, tensor: Tensor)], _ words: String) throws {
            try Safetensors.write(tensors, to: file)
            let network = try ModelDirectory(model.folder).unet()
            let before = network.parameters.all.map(\.value.scalars)
            do {
                try LowRankWeights(contentsOf: file).merge(into: [.unet: network.parameters])
                Issue.record("no error for \(words)")
            } catch let error as ModelError {
                #expect("\(error)".contains(words), "\(error)")
            }
            #expect(network.parameters.all.map(\.value.scalars) == before)
        }
        let layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
        try expectError([("conv_in.weight", .zeros([2, 2]))], "conv_in.weight")
        try expectError([("\(layer).lora_A.weight", .zeros([2, 24]))], "only one of its two")
        try expectError(
            [("\(layer).lora_A.weight", .zeros([2, 24])), ("\(layer).lora_B.weight", .zeros([24, 3]))], "one rank")
        try expectError(
            [("\(layer).lora_A.weight", .zeros([2, 20])), ("\(layer).lora_B.weight", .zeros([24, 2]))], "found [24, 20]"
        )
        try expectError(
            [("unet.nowhere.lora_A.weight", .zeros([2, 24])), ("unet.nowhere.lora_B.weight", .zeros([24, 2]))],
            "unexpected: unet.nowhere")
    }
}
