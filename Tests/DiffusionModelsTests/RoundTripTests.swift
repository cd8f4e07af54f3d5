import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

private let roundTripFolder = ProcessInfo.processInfo.environment["ROUND_TRIP"].map { URL(filePath: $0) }

/// Writes models and adapters with this library's outputs into the folder `ROUND_TRIP`, for `Tests/Fixtures/roundtrip/check.py` to
/// check them with diffusers and peft. `Scripts/check-diffusers` runs both.
@Suite("Files for the round trip through diffusers", .enabled(if: roundTripFolder != nil))
struct RoundTripTests {
    private let models = Fixtures.package.appending(path: "Examples/Models")
    private let prompts = ["a red heart", "an ORANGE heart, isn't it?! ♥", ""]

    private func write(_ tensors: [String: Tensor], to folder: URL) throws {
        let sorted = tensors.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
        let metadata = ["prompts": String(decoding: try JSONEncoder().encode(prompts), as: UTF8.self)]
        try Safetensors.write(sorted, metadata: metadata, to: folder.appending(path: "golden.safetensors"))
    }

    /// The inputs and outputs of the text encoder and the denoising network, in PyTorch's layout.
    private func outputs(of model: TextToImageModel) throws -> [String: Tensor] {
        let encoder = try model.clip()
        let ids = prompts.map { encoder.tokenizer.encode($0) }
        let text = try encoder.textModel()(ids).value
        var stream = RandomStream(seed: 1)
        let noisy = stream.normal([3, 4, 16, 16])
        let timesteps: [Double] = [999, 500, 20]
        let output = model.network.predict(
            Variable(noisy.channelsLast()), at: timesteps, given: TextCondition(tokens: text)
        ).value
        return [
            "text.ids": Tensor(ids.flatMap { $0.map(Float.init) }, shape: [ids.count, ids[0].count]), "text.out": text,
            "unet.in": noisy, "unet.t": Tensor(timesteps.map(Float.init), shape: [3]),
            "unet.out": output.channelsFirst(),
        ]
    }

    @Test(
        "Models",
        arguments: [("emoji-teacher", ScalarType.float32), ("emoji-teacher", .float16), ("emoji-student", .float16)])
    func models(name: String, type: ScalarType) throws {
        let target = try #require(roundTripFolder).appending(path: "models/\(name)-\(type.rawValue)")
        try TextToImageModel(contentsOf: models.appending(path: name)).save(to: target, scalarType: type)
        let model = try TextToImageModel(contentsOf: target)
        var tensors = try outputs(of: model)
        var stream = RandomStream(seed: 2)
        let (latents, picture) = (stream.normal([1, 4, 16, 16]), stream.uniform([1, 3, 64, 64], in: -1..<1))
        tensors["vae.in"] = latents
        tensors["vae.out"] = try #require(model.autoencoder).decode(Variable(latents.channelsLast())).value
            .channelsFirst()
        tensors["vae.enc.in"] = picture
        let mean = try #require(model.autoencoder).encode(Variable(picture.channelsLast())).mean
        tensors["vae.enc.mean"] = mean.value.channelsFirst()
        try write(tensors, to: target)
    }

    @Test("A model of flow matching, sampled in 5 steps")
    func flowMatching() throws {
        let target = try #require(roundTripFolder).appending(path: "flow/model")
        var configuration = NoiseSchedule.flowMatching().configuration
        configuration.stated["shift"] = 3.0
        var saved = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
        saved.schedule = try NoiseSchedule(configuration)
        try saved.save(to: target, scalarType: .float32)
        let model = try TextToImageModel(contentsOf: target)
        let start = RandomStream(seed: 4).firstNormal([3, 16, 16, 4])
        let text = try model.conditions(for: prompts)
        var sampler = try DiffusionSampler(
            model.sampler(), network: model.network, predictionType: model.schedule.predictionType, condition: text,
            steps: 5, latents: start)
        try write(
            [
                "start": start.channelsFirst(), "text.out": text.tokens.value,
                "latents": try #require(try sampler.last()).latents.channelsFirst(),
            ], to: target)
    }

    @Test("Adapters in all layouts")
    func adapters() throws {
        let folder = try #require(roundTripFolder).appending(path: "adapters")
        let model = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
        let adapters = try LowRankAdapterSet(rank: 4, alpha: 6, targets: ["to_q", "to_k", "to_v", "to_out.0"])
        _ = model.network.over(model.network.parameters.scope(adapters: adapters))
        var stream = RandomStream(seed: 3)
        for parameter in adapters.parameters.all { parameter.value = stream.normal(parameter.shape) * 0.2 }
        try adapters.save(to: folder.appending(path: "saved-as-peft"), as: .peft)
        try adapters.save(to: folder.appending(path: "saved-as-diffusers"), as: .diffusers)
        let layers = adapters.parameters.all.filter { $0.path.hasSuffix(".lora_A.weight") }.compactMap { down in
            let path = String(down.path.dropLast(".lora_A.weight".count))
            return adapters.parameters["\(path).lora_B.weight"].map { (path: path, down: down.value, up: $0.value) }
        }
        for layout in LowRankFileLayout.all {
            let target = folder.appending(path: layout.description)
            try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            try Safetensors.write(
                layout.tensors(unet: layers, alpha: 6), to: target.appending(path: "pytorch_lora_weights.safetensors"))
        }
        let foreign = try LowRankWeights(contentsOf: folder.appending(path: "kohya"))
        try foreign.save(to: folder.appending(path: "kohya-saved-as-peft"), as: .peft, for: model)
        try foreign.save(to: folder.appending(path: "kohya-saved-as-diffusers"), as: .diffusers, for: model)
        let text = ["encoder_layers_0_self_attn_q_proj", "encoder_layers_1_self_attn_out_proj"].map { path in
            LowRankWeights.Layer(
                flatPath: "text_model_\(path)", part: .textEncoder, down: stream.normal([2, 128]),
                up: stream.normal([128, 2]), scale: 0.5)
        }
        try LowRankWeights(layers: foreign.layers + text).save(
            to: folder.appending(path: "kohya-with-text-saved-as-diffusers"), as: .diffusers, for: model)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let target = folder.appending(path: name)
            var changed = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
            try LowRankWeights(contentsOf: target).merge(into: &changed)
            try write(outputs(of: changed), to: target)
        }
    }
}
