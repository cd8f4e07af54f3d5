import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("LoRA files", .highestPrecision)
final class LowRankWeightsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lora-\(UUID().uuidString)")
    private let model = ParityModel.all[0]
    private static let adapter = Fixtures.url("adapters/adapter")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The network's output for the golden input.
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

    @Test("Merging a PEFT adapter matches peft, and merging it with weight −1 restores the network")
    func peft() throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let plain = try output(of: network)
        let weights = try LowRankWeights(contentsOf: Self.adapter)
        #expect(weights.layers.count == 28)
        try weights.merge(into: [.unet: network.parameters])
        #expect(relativeError(try output(of: network), try expected()) <= 2e-5)
        try weights.merge(into: [.unet: network.parameters], weight: -1)
        #expect(relativeError(try output(of: network), plain) <= 2e-5)
    }

    @Test("All LoRA layouts give the same network", arguments: LowRankFileLayout.all)
    func layout(layout: LowRankFileLayout) throws {
        let source = try SafetensorsFile(contentsOf: Self.adapter.appending(path: "adapter_model.safetensors"))
        var layers: [(path: String, down: Tensor, up: Tensor)] = []
        for key in source.names where key.hasSuffix(".lora_A.weight") {
            let path = String(key.dropFirst("base_model.model.".count).dropLast(".lora_A.weight".count))
            let up = try source.tensor("base_model.model.\(path).lora_B.weight")
            layers.append((path, try source.tensor(key), up))
        }
        // Layouts without alpha imply that it is the rank, so the scale of 3/2 is multiplied into the matrix.
        let file = folder.appending(path: "pytorch_lora_weights.safetensors")
        try Safetensors.write(layout.tensors(unet: layers, alpha: 3), to: file)
        let network = try ModelFiles(contentsOf: model.folder).unet()
        try LowRankWeights(contentsOf: folder).merge(into: [.unet: network.parameters])
        #expect(relativeError(try output(of: network), try expected()) <= 2e-5)
    }

    @Test("Merging two adapters with weights matches peft, and negative weights restore the network")
    func several() throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let plain = try output(of: network)
        let first = try LowRankWeights(contentsOf: Self.adapter)
        let second = try LowRankWeights(contentsOf: Fixtures.url("adapters/second"))
        try first.merge(into: [.unet: network.parameters], weight: 0.8)
        try second.merge(into: [.unet: network.parameters], weight: -0.5)
        let expected = try Fixtures.tensors("adapters/golden.safetensors").golden("unet.both")
        #expect(relativeError(try output(of: network), expected) <= 2e-5)
        try second.merge(into: [.unet: network.parameters], weight: 0.5)
        try first.merge(into: [.unet: network.parameters], weight: -0.8)
        #expect(relativeError(try output(of: network), plain) <= 2e-5)
    }

    @Test("A saved adapter set, merged, gives the output of the adapted network", arguments: LowRankLayout.allCases)
    func saving(layout: LowRankLayout) throws {
        let directory = try ModelFiles(contentsOf: model.folder)
        let network = try directory.unet()
        let adapters = try LowRankAdapterSet(rank: 3, alpha: 4, targets: ["to_v", "conv2"])
        let adapted = UNet2DConditionModel(network.configuration, in: network.parameters.scope(adapters: adapters))
        var stream = RandomStream(seed: 1)
        for parameter in adapters.parameters.all { parameter.value = stream.normal(parameter.shape) * 0.2 }
        let expected = try output(of: adapted)
        try adapters.save(to: folder, as: layout)
        let merged = try directory.unet()
        try LowRankWeights(contentsOf: folder).merge(into: [.unet: merged.parameters])
        #expect(relativeError(try output(of: merged), expected) <= 2e-5)
        #expect(relativeError(try output(of: network), expected) > 0.01)
    }

    @Test(
        "A LoRA file that is read and saved again has the same changes, also with several ranks",
        arguments: LowRankLayout.allCases)
    func savingAgain(layout: LowRankLayout) throws {
        let text = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        var stream = RandomStream(seed: 5)
        let paths = ["to_q", "to_out.0"].map { "mid_block.attentions.0.transformer_blocks.0.attn1.\($0)" }
        let width = try #require(text.network.parameters["\(paths[0]).weight"]).shape[0]
        let convolution = try #require(text.network.parameters["mid_block.resnets.0.conv1.weight"])
        var tensors: [(name: String, tensor: Tensor)] = []
        func add(_ path: String, _ down: [Int], _ up: [Int], alpha: Float) {
            let flat = path.replacing(".", with: "_")
            tensors.append((name: "\(flat).lora_down.weight", tensor: stream.normal(down)))
            tensors.append((name: "\(flat).lora_up.weight", tensor: stream.normal(up)))
            tensors.append((name: "\(flat).alpha", tensor: Tensor(alpha)))
        }
        add("lora_unet_\(paths[0])", [2, width], [width, 2], alpha: 1)
        add("lora_unet_\(paths[1])", [3, width], [width, 3], alpha: 4)
        let shape = convolution.shape
        add("lora_unet_mid_block.resnets.0.conv1", [2, shape[1], 3, 3], [shape[0], 2, 1, 1], alpha: 2)
        if layout == .diffusers {
            add("lora_te_text_model_encoder_layers_0_mlp_fc1", [2, 128], [512, 2], alpha: 1)
        }
        let file = folder.appending(path: "kohya.safetensors")
        try Safetensors.write(tensors, to: file)
        let read = try LowRankWeights(contentsOf: file)
        let target = folder.appending(path: "saved")
        try read.save(to: target, as: layout, for: text, weight: 0.5)
        let again = try LowRankWeights(contentsOf: target)
        #expect(again.layers.map(\.flatPath) == read.layers.map(\.flatPath))
        #expect(again.layers.map(\.part) == read.layers.map(\.part))
        for (saved, layer) in zip(again.layers, read.layers) {
            #expect(saved.rank == 3)
            func change(_ layer: LowRankWeights.Layer) -> Tensor {
                layer.form.change(of: layer.form.shape) * layer.scale
            }
            #expect(relativeError(change(saved), change(layer) * 0.5) <= 1e-6)
        }
    }

    @Test("Saving text encoder layers in PEFT's layout is an error")
    func savingText() throws {
        let text = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        let file = folder.appending(path: "lora.safetensors")
        let layer = "text_encoder.text_model.encoder.layers.0.mlp.fc1"
        try Safetensors.write(
            [
                (name: "\(layer).lora_A.weight", tensor: .zeros([2, 128])),
                (name: "\(layer).lora_B.weight", tensor: .zeros([512, 2])),
            ], to: file)
        #expect(throws: ModelError.self) {
            try LowRankWeights(contentsOf: file).save(to: folder.appending(path: "saved"), as: .peft, for: text)
        }
    }

    @Test(
        "Text encoder layers are merged at each loading, under all their names, scaled by alpha / rank if there is an alpha",
        arguments: [
            ("lora_te_text_model_", "lora_down", "lora_up"), ("text_encoder.text_model.", "lora_A", "lora_B"),
            ("text_encoder.", "lora_A", "lora_B"),
            ("text_encoder.text_model.", "lora_linear_layer.down", "lora_linear_layer.up"),
        ])
    func textEncoder(prefix: String, down: String, up: String) throws {
        var text = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        let path = "encoder.layers.1.self_attn.v_proj"
        let key = prefix + (prefix.hasPrefix("lora_te_") ? path.replacing(".", with: "_") : path)
        let file = folder.appending(path: "lora.safetensors")
        var stream = RandomStream(seed: 4)
        let (a, b) = (stream.normal([2, 128]), stream.normal([128, 2]))
        var tensors = [(name: "\(key).\(down).weight", tensor: a), (name: "\(key).\(up).weight", tensor: b)]
        let hasAlpha = prefix.hasPrefix("lora_te_")
        if hasAlpha { tensors.append((name: "\(key).alpha", tensor: Tensor(1))) }
        try Safetensors.write(tensors, to: file)
        let plain = try text.embeddings(for: ["a red heart"]).values
        let weights = try LowRankWeights(contentsOf: file)
        let layer = "text_model.\(path).weight"
        let before = try #require(text.clip().textModel().parameters[layer]).value.widened()
        try weights.merge(into: &text, weight: 0.5)
        let found = try #require(text.clip().textModel().parameters[layer]).value
        #expect(relativeError(found - before, b.matmul(a) * (hasAlpha ? 0.25 : 0.5)) <= 1e-5)
        #expect(relativeError(try text.embeddings(for: ["a red heart"]).values, plain) > 0.1)
        try text.save(to: folder.appending(path: "model"))
        let saved = try TextToImageModel(contentsOf: folder.appending(path: "model"))
        #expect(relativeError(try saved.clip().textModel().parameters[layer]?.value ?? plain, found) == 0)
        try weights.merge(into: &text, weight: -0.5)
        #expect(relativeError(try text.embeddings(for: ["a red heart"]).values, plain) <= 2e-5)
    }

    @Test(
        "Scales are read from patterns and rsLoRA in a header, from PEFT's configuration, and from kohya's alphas per layer",
        arguments: [
            ("metadata", "metadata", "lora_adapter_metadata"), ("peft", "peft", "adapter_config.json"),
            ("kohya.safetensors", "kohya", "alpha of each layer"),
        ])
    func scales(path: String, golden: String, source: String) throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let weights = try LowRankWeights(contentsOf: Fixtures.url("adapters/scales/\(path)"))
        #expect(weights.scaleSource == source)
        #expect(Set(weights.layers.map(\.scale)).count >= 4)
        try weights.merge(into: [.unet: network.parameters])
        let expected = try Fixtures.tensors("adapters/scales/golden.safetensors").golden("unet.\(golden)")
        #expect(relativeError(try output(of: network), expected) <= 2e-5)
    }

    @Test("adapter_config.json applies to adapter_model.safetensors only, and its invalid fields are errors")
    func neighbours() throws {
        let names = ["adapter_config.json", "adapter_model.safetensors"]
        for name in names {
            try FileManager.default.copyItem(
                at: Self.adapter.appending(path: name), to: folder.appending(path: name))
        }
        let other = folder.appending(path: "other.safetensors")
        try FileManager.default.copyItem(at: folder.appending(path: names[1]), to: other)
        #expect(try LowRankWeights(contentsOf: other).layers.allSatisfy { $0.scale == 1 })
        #expect(try LowRankWeights(contentsOf: folder).layers.allSatisfy { $0.scale == 1.5 })
        #expect(try LowRankWeights(contentsOf: folder.appending(path: names[1])).layers.allSatisfy { $0.scale == 1.5 })
        let configuration = try String(contentsOf: folder.appending(path: names[0]), encoding: .utf8)
        for (field, value, words) in [
            ("\"r\": 2", "\"r\": 4", "field \"r\""), ("\"use_dora\": false", "\"use_dora\": true", "use_dora"),
            ("\"lora_alpha\": 3", "\"lora_alpha\": 1e99", "field \"lora_alpha\""),
            ("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"(\": 1}", "alpha_pattern"),
            ("\"peft_type\": \"LORA\"", "\"peft_type\": \"LOHA\"", "LoHa"),
            ("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "merge_and_unload"),
        ] {
            #expect(configuration.contains(field))
            try Data(configuration.replacing(field, with: value).utf8).write(to: folder.appending(path: names[0]))
            expectError(words) { _ = try LowRankWeights(contentsOf: folder) }
        }
    }

    private func expectError(_ words: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("no error for \(words)")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
        }
    }

    @Test("Merging with a non-finite weight or result throws and changes nothing")
    func nonFinite() throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let before = network.parameters.all.map(\.value.scalars)
        let weights = try LowRankWeights(contentsOf: Self.adapter)
        for weight in [Float.nan, .infinity, .greatestFiniteMagnitude] {
            #expect(throws: ModelError.self) { try weights.merge(into: [.unet: network.parameters], weight: weight) }
        }
        #expect(network.parameters.all.map(\.value.scalars) == before)
    }

    @Test("Merging a file that does not fit throws and changes nothing")
    func errors() throws {
        let file = folder.appending(path: "lora.safetensors")
        func expectError(_ tensors: [(name: String, tensor: Tensor)], _ words: String) throws {
            try Safetensors.write(tensors, to: file)
            let network = try ModelFiles(contentsOf: model.folder).unet()
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
        try expectError([("lora_unet_x.dora_scale", .zeros([24]))], "dora_scale")
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
