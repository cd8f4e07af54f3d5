import Autograd
import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import Tensor

extension FuzzedReader {
    static let weights: [FuzzedReader] = [
        FuzzedReader(
            "safetensors", .safetensors,
            seeds: ["adapters/second/pytorch_lora_weights.safetensors", "models/b/text_encoder/model.safetensors"]
        ) { folder in
            let file = folder.appending(path: "any.safetensors")
            return { input in
                try input.replace(file)
                let tensors = try SafetensorsFile(contentsOf: file)
                for name in tensors.names {
                    _ = (try? tensors.tensor(name), try? tensors.mappedTensor(name).nonFiniteCount())
                    _ = (try? tensors.integers(name), try? tensors.nonFiniteCount(name))
                }
            }
        },
        FuzzedReader("inspect", .safetensors, seeds: loRAs + ["models/c/vae/diffusion_pytorch_model.safetensors"]) {
            folder in
            let file = folder.appending(path: "any.safetensors")
            return { input in
                try input.replace(file)
                _ = CheckpointSummary(of: file).description
            }
        },
        FuzzedReader("single-file", .safetensors, seeds: ["single-file/sd1.safetensors"]) { folder in
            let file = folder.appending(path: "single.safetensors")
            let tokenizer = Fixtures.url("tokenizer/small")
            return { input in
                try input.replace(file)
                _ = try TextToImageModel(contentsOf: file, tokenizer: tokenizer).textEncoder.loaded()
            }
        },
        model("unet-weights", "unet/diffusion_pytorch_model.safetensors") { _ = try $0.unet() },
        model("autoencoder-weights", "vae/diffusion_pytorch_model.safetensors") { _ = try $0.autoencoder() },
        model("text-encoder-weights", "text_encoder/model.safetensors") { _ = try $0.textEncoder() },
        FuzzedReader("tiny-autoencoder", .safetensors, seeds: ["models/tiny/diffusion_pytorch_model.safetensors"]) {
            folder in
            let source = Fixtures.url("models/tiny/config.json")
            try FileManager.default.copyItem(at: source, to: folder.appending(path: "config.json"))
            return { input in
                try input.replace(folder.appending(path: "diffusion_pytorch_model.safetensors"))
                _ = try ModelFiles.latentDecoder(contentsOf: folder)
            }
        },
        FuzzedReader("lora", .safetensors, seeds: loRAs) { folder in
            let file = folder.appending(path: "lora.safetensors")
            let networks = try Networks(in: folder)
            return { input in
                try input.replace(file)
                try networks.merge(LowRankWeights(contentsOf: file))
            }
        },
        FuzzedReader("lora-configuration", .json, seeds: ["adapters/adapter/adapter_config.json"]) { folder in
            let adapter = folder.appending(path: "adapter")
            try FileManager.default.copyItem(at: Fixtures.url("adapters/adapter"), to: adapter)
            let networks = try Networks(in: folder)
            return { input in
                try input.replace(adapter.appending(path: "adapter_config.json"))
                try networks.merge(LowRankWeights(contentsOf: adapter))
            }
        },
        FuzzedReader("latents", .safetensors, seeds: []) { folder in
            let file = folder.appending(path: "latents.safetensors")
            return { input in
                try input.replace(file)
                _ = try LatentsFile.read(file).nonFiniteCount()
            }
        }.startingWith { try LatentsFile.write(Tensor.zeros([2, 4, 3, 4]), to: $0) },
        FuzzedReader("embeddings", .safetensors, seeds: []) { folder in
            let file = folder.appending(path: "embeddings.safetensors")
            let model = try TextToImageModel(contentsOf: FuzzedModel(in: folder).folder)
            return { input in
                try input.replace(file)
                let embeddings = try PromptEmbeddings(contentsOf: file)
                try embeddings.check(against: model)
                _ = try embeddings.condition(for: embeddings.prompts)
            }
        }.startingWith { file in
            try withFolder { folder in
                let model = try TextToImageModel(contentsOf: FuzzedModel(in: folder).folder)
                try model.embeddings(for: ["", "he", "a cat"]).save(to: file)
            }
        },
    ]

    private static let loRAs = [
        "adapters/kinds/dora/adapter_model.safetensors", "adapters/kinds/lycoris-loha-dora.safetensors",
        "adapters/kinds/lycoris-lokr.safetensors",
        "adapters/adapter/adapter_model.safetensors", "adapters/second/pytorch_lora_weights.safetensors",
    ]

    /// A reader of one file of a model component.
    static func model(
        _ name: String, _ path: String, _ format: Format = .safetensors, texts: [String]? = nil,
        _ load: @escaping @Sendable (ModelFiles) throws -> Void
    ) -> FuzzedReader {
        FuzzedReader(name, format, seeds: texts == nil ? ["models/c/\(path)"] : [], texts: texts ?? []) { folder in
            let model = try FuzzedModel(in: folder)
            return { input in
                try input.replace(model.file(path))
                try load(ModelFiles(contentsOf: model.folder))
            }
        }
    }

    /// This reader with the seed inputs that `make` returns.
    func startingWith(inputs make: @escaping @Sendable () throws -> [Data]) -> FuzzedReader {
        FuzzedReader(name, format, prepare: prepare, seeds: make)
    }

    /// This reader with one seed input, which `write` creates.
    func startingWith(_ write: @escaping @Sendable (URL) throws -> Void) -> FuzzedReader {
        startingWith(inputs: {
            try Self.withFolder { folder in
                let file = folder.appending(path: "seed")
                try write(file)
                return [try Data(contentsOf: file)]
            }
        })
    }

    private init(
        _ name: String, _ format: Format, prepare: @escaping @Sendable (URL) throws -> Body,
        seeds: @escaping @Sendable () throws -> [Data]
    ) {
        (self.name, self.format, self.prepare, self.seeds) = (name, format, prepare, seeds)
    }

    /// The networks into which a LoRA is merged.
    private struct Networks {
        let unet: UNet2DConditionModel
        let textEncoder: CLIPTextModel

        /// The networks for which the fixtures' adapters were made.
        init(in folder: URL) throws {
            let model = folder.appending(path: "base")
            try FileManager.default.copyItem(at: Fixtures.url("models/a"), to: model)
            try FuzzedModel.writeTokenizer(to: model.appending(path: "tokenizer"))
            let checkpoint = try ModelFiles(contentsOf: model)
            (unet, textEncoder) = (try checkpoint.unet(), try checkpoint.textEncoder())
        }

        func merge(_ weights: LowRankWeights) throws {
            let parts: [LowRankWeights.Part: ParameterSet] = [
                .unet: unet.parameters.copy(trainable: false),
                .textEncoder: textEncoder.parameters.copy(trainable: false),
            ]
            try weights.merge(into: parts, weight: 0.5)
        }
    }
}
