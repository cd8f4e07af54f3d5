import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import Tensor

extension FuzzedReader {
    static let configurations: [FuzzedReader] = [
        model("unet-configuration", "unet/config.json", .json) { _ = try $0.unet() },
        model("autoencoder-configuration", "vae/config.json", .json) { _ = try $0.autoencoder() },
        model("text-encoder-configuration", "text_encoder/config.json", .json) { _ = try $0.textEncoder() },
        model("scheduler-configuration", "scheduler/scheduler_config.json", .json) { _ = try $0.schedule() },
        model("model-index", "model_index.json", .json) { _ = try TextToImageModel($0) },
        model(
            "one-step", "one_step.json", .json,
            texts: [#"{"timestep": 999, "cumulative_alpha": 0.0047}"#]
        ) { checkpoint in _ = try TextToImageModel(checkpoint).student },
        FuzzedReader("shards", .json, seeds: []) { folder in
            let model = try FuzzedModel(in: folder)
            let weights = model.file("unet/diffusion_pytorch_model.safetensors")
            try FileManager.default.moveItem(at: weights, to: model.file("unet/one.safetensors"))
            return { input in
                try input.replace(model.file("unet/diffusion_pytorch_model.safetensors.index.json"))
                _ = try ModelFiles(contentsOf: model.folder).unet()
            }
        }.startingWith { file in
            let weights = Fixtures.url("models/c/unet/diffusion_pytorch_model.safetensors")
            let entries = try SafetensorsFile(contentsOf: weights).names.map { "\"\($0)\": \"one.safetensors\"" }
            let index = "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {\(entries.joined(separator: ", "))}}"
            try Data(index.utf8).write(to: file)
        },
        FuzzedReader("tiny-autoencoder-configuration", .json, seeds: ["models/tiny/config.json"]) { folder in
            let model = folder.appending(path: "tiny")
            try FileManager.default.copyItem(at: Fixtures.url("models/tiny"), to: model)
            return { input in
                try input.replace(model.appending(path: "config.json"))
                _ = try ModelFiles.latentDecoder(contentsOf: model)
            }
        },
        clip("openclip", "open_clip_config.json"),
        clip("transformers", "config.json"),
    ]

    /// A reader of the configuration of a CLIP model for evaluation.
    private static func clip(_ layout: String, _ file: String) -> FuzzedReader {
        FuzzedReader("clip-\(layout)", .json, seeds: ["clip/\(layout)/\(file)"]) { folder in
            let model = folder.appending(path: "clip")
            try FileManager.default.copyItem(at: Fixtures.url("clip/\(layout)"), to: model)
            let tokenizer = folder.appending(path: "tokenizer")
            try FuzzedModel.writeTokenizer(to: tokenizer)
            return { input in
                try input.replace(model.appending(path: file))
                _ = try CLIPAlignment(contentsOf: model, tokenizer: tokenizer)
            }
        }
    }
}
