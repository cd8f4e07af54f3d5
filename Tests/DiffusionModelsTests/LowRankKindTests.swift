import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("DoRA, LoHa, LoKr and whole differences", .highestPrecision)
struct LowRankKindTests {
    private let model = ParityModel.all[0]

    private func output(of network: UNet2DConditionModel) throws -> Tensor {
        let golden = try model.golden()
        return network(
            Variable(try golden.map("unet.in")), timesteps: try golden.integers("unet.t").map(Double.init),
            textEmbeddings: Variable(try golden.golden("unet.text"))
        ).value.channelsFirst()
    }

    private func weights(_ name: String) throws -> LowRankWeights {
        let isFile = name.hasPrefix("lycoris-")
        return try LowRankWeights(contentsOf: Fixtures.url("adapters/kinds/\(name)\(isFile ? ".safetensors" : "")"))
    }

    @Test(
        "Merging matches peft and LyCORIS on linear layers and convolutions",
        arguments: [
            ("dora", "DoRA"), ("loha", "LoHa"), ("loha-flat", "LoHa"), ("lokr", "LoKr"), ("lokr-both", "LoKr"),
            ("lokr-whole", "LoKr"), ("lycoris-loha", "LoHa"), ("lycoris-lokr", "LoKr"),
            ("lycoris-diff", "full difference"), ("lycoris-dora-outputs", "DoRA"), ("lycoris-dora-inputs", "DoRA"),
            ("lycoris-loha-dora", "LoHa with DoRA"),
        ])
    func parity(name: String, kind: String) throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let weights = try weights(name)
        #expect(Set(weights.layers.map(\.kind)) == [kind])
        try weights.merge(into: [.unet: network.parameters])
        let expected = try Fixtures.tensors("adapters/kinds/golden.safetensors").golden(name)
        #expect(relativeError(try output(of: network), expected) <= 2e-5)
    }

    @Test("The negative weight undoes changes without DoRA's norms, and half a weight is half of DoRA's change")
    func weight() throws {
        let network = try ModelFiles(contentsOf: model.folder).unet()
        let plain = try output(of: network)
        let weights = try weights("lycoris-lokr")
        try weights.merge(into: [.unet: network.parameters], weight: 0.7)
        #expect(relativeError(try output(of: network), plain) > 0.01)
        try weights.merge(into: [.unet: network.parameters], weight: -0.7)
        #expect(relativeError(try output(of: network), plain) <= 2e-5)

        let dora = try self.weights("dora")
        let path = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
        let values = try [Float(0), 0.5, 1].map { weight -> Tensor in
            let network = try ModelFiles(contentsOf: model.folder).unet()
            try dora.merge(into: [.unet: network.parameters], weight: weight)
            return try #require(network.parameters[path]).value
        }
        #expect(relativeError(values[1], (values[0] + values[2]) * 0.5) <= 1e-6)
        #expect(relativeError(values[2], values[0]) > 0.1)
    }

    @Test("Inspection names the kind, and saving as a LoRA is refused for other kinds")
    func inspection() throws {
        let summary = CheckpointSummary(of: Fixtures.url("adapters/kinds/lycoris-loha-dora.safetensors"))
        #expect(summary.problems.isEmpty)
        #expect(summary.lines.contains { $0.heading == "changes" && $0.text == "LoHa with DoRA" })
        let teacher = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        let layer = LowRankWeights.Layer(
            flatPath: "mid_block_resnets_0_conv1", part: .unet,
            form: .difference(
                .zeros(try #require(teacher.network.parameters["mid_block.resnets.0.conv1.weight"]).shape)),
            scale: 1)
        let folder = FileManager.default.temporaryDirectory.appending(path: "kinds-\(UUID().uuidString)")
        #expect(throws: ModelError.self) {
            try LowRankWeights(layers: [layer]).save(to: folder, as: .diffusers, for: teacher)
        }
    }
}
