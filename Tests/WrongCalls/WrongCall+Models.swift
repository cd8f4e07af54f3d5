import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor

extension WrongCall {
    /// Model folders and their tokenizers.
    static let models: [WrongCall] = folders + tokenizers

    /// A copy of a small model's folder after `change`.
    private static func folder(
        _ name: String, _ parts: String..., change: @escaping @Sendable (URL) throws -> Void
    ) -> WrongCall {
        WrongCall("model: \(name)", parts: parts) { bench in
            let model = try TextToImageModel(contentsOf: bench.model("c", change))
            _ = try model.embeddings(for: ["a"])
        }
    }

    private static func write(_ text: String, to path: String) -> @Sendable (URL) throws -> Void {
        { try Data(text.utf8).write(to: $0.appending(path: path)) }
    }

    private static func remove(_ path: String) -> @Sendable (URL) throws -> Void {
        { try FileManager.default.removeItem(at: $0.appending(path: path)) }
    }

    /// Replaces a file by its first bytes.
    private static func cut(_ path: String, to count: Int) -> @Sendable (URL) throws -> Void {
        { folder in
            let file = folder.appending(path: path)
            let data = try Data(contentsOf: file).prefix(count)
            try FileManager.default.removeItem(at: file)
            try data.write(to: file)
        }
    }

    /// Replaces a field of a JSON file.
    private static func set(_ path: String, _ field: String, _ value: any Sendable) -> @Sendable (URL) throws -> Void {
        { folder in
            let file = folder.appending(path: path)
            var fields = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
            fields[field] = value
            try JSONSerialization.data(withJSONObject: fields).write(to: file)
        }
    }

    private static let weights = "unet/diffusion_pytorch_model.safetensors"

    private static let folders: [WrongCall] = [
        WrongCall("model: no folder", "missing", "a model") { bench in
            _ = try TextToImageModel(contentsOf: bench.path())
        },
        WrongCall("model: an empty folder", "model_index.json", "missing") { bench in
            _ = try TextToImageModel(contentsOf: bench.emptyFolder())
        },
        WrongCall("model: an empty file") { bench in _ = try TextToImageModel(contentsOf: bench.file("")) },
        WrongCall("model: a picture") { bench in
            let picture = try Picture(width: 1, height: 1, pixels: [0, 0, 0])
            _ = try TextToImageModel(contentsOf: bench.file(PNG.encode(picture), "model.safetensors"))
        },
        folder("an index that is not JSON", "model_index.json", change: write("{", to: "model_index.json")),
        folder("an index without parts", "unet", "[library, class]", change: write("{}", to: "model_index.json")),
        folder("no weights", "unet", change: remove(weights)),
        folder("weights that are cut short", weights, "expected at most", change: cut(weights, to: 2000)),
        folder("empty weights", weights, "at least 8 bytes", change: cut(weights, to: 0)),
        folder("no configuration", "unet/config.json", "missing", change: remove("unet/config.json")),
        folder(
            "a configuration of another type", "block_out_channels", "expected", "text",
            change: set("unet/config.json", "block_out_channels", "text")),
        folder(
            "no channels", "block_out_channels", "expected",
            change: set("unet/config.json", "block_out_channels", [Int]())),
        folder(
            "other channels than the weights'", "expected", "found",
            change: set("unet/config.json", "block_out_channels", [16, 24])),
        folder(
            "a text encoder of another width", "cross_attention_dim",
            change: set("unet/config.json", "cross_attention_dim", 24)),
        folder(
            "no timesteps", "num_train_timesteps", "1 to", "0",
            change: set("scheduler/scheduler_config.json", "num_train_timesteps", 0)),
        folder(
            "an unknown schedule", "beta_schedule", "expected", "sideways",
            change: set("scheduler/scheduler_config.json", "beta_schedule", "sideways")),
        folder(
            "a one-step file with alpha-bar 0", "cumulative_alpha", "expected", "0",
            change: write(#"{"timestep": 999, "cumulative_alpha": 0}"#, to: "one_step.json")),
        WrongCall("autoencoder: an empty folder", "config.json", "missing") { bench in
            _ = try ModelFiles.latentDecoder(contentsOf: bench.emptyFolder())
        },
        WrongCall("model: saved into a folder with images", "folder", "notes.txt") { bench in
            let folder = try bench.emptyFolder()
            try Data("text".utf8).write(to: folder.appending(path: "notes.txt"))
            try bench.teacher.get().save(to: folder)
        },
        WrongCall("model: saved with a network of one's own") { bench in try bench.own().save(to: bench.path()) },
        WrongCall("parameters: another network's weights", "missing", "unexpected") { _ in
            let set = ParameterSet()
            _ = Linear(inputs: 2, outputs: 2, in: set.scope["layer"])
            try set.load(["other": Tensor.zeros([2, 2])])
        },
        WrongCall("parameters: weights of another shape", "shape", "[2, 2]", "[3, 2]") { _ in
            let set = ParameterSet()
            _ = set.scope.parameter("weight", shape: [2, 2], initializer: .zeros)
            try set.load(["weight": Tensor.zeros([3, 2])])
        },
    ]

    private static func tokenizer(
        _ name: String, _ parts: String..., change: @escaping @Sendable (URL) throws -> Void
    ) -> WrongCall {
        WrongCall("tokenizer: \(name)", parts: parts) { bench in
            _ = try CLIPTokenizer(contentsOf: bench.model("c", change).appending(path: "tokenizer"))
        }
    }

    private static let tokenizers: [WrongCall] = [
        tokenizer("no vocabulary", "vocab.json", "missing", change: remove("tokenizer/vocab.json")),
        tokenizer("no merges", "merges.txt", "missing", change: remove("tokenizer/merges.txt")),
        tokenizer("an empty vocabulary", "vocab.json", change: write("{}", to: "tokenizer/vocab.json")),
        tokenizer("a vocabulary that is a list", "vocab.json", change: write("[1]", to: "tokenizer/vocab.json")),
        tokenizer("ids that are negative", "vocab.json", change: write(#"{"a": -1}"#, to: "tokenizer/vocab.json")),
        tokenizer("ids that are huge", "vocab.json", change: write(#"{"a": 4000000000}"#, to: "tokenizer/vocab.json")),
        tokenizer(
            "merges of unknown tokens", "merges.txt", change: write("#version\nx1 y2\n", to: "tokenizer/merges.txt")),
        tokenizer(
            "a length of 0", "model_max_length", "expected", "0",
            change: write(#"{"model_max_length": 0}"#, to: "tokenizer/tokenizer_config.json")),
        tokenizer(
            "an unknown start token", "bos_token",
            change: write(#"{"bos_token": "<nothing>"}"#, to: "tokenizer/tokenizer_config.json")),
        WrongCall("tokenizer: no folder", "missing") { bench in _ = try CLIPTokenizer(contentsOf: bench.path()) },
        WrongCall("tokenizer: learned with 10 tokens", "CLIPTokenizer.learn", "vocabularySize", "514", "10") { bench in
            try CLIPTokenizer.learn(from: ["a"], vocabularySize: 10, maximumLength: 20, to: bench.path())
        },
        WrongCall("tokenizer: learned with prompts of no tokens", "CLIPTokenizer.learn", "maximumLength", "3 to", "0") {
            bench in
            try CLIPTokenizer.learn(from: ["a"], vocabularySize: 600, maximumLength: 0, to: bench.path())
        },
    ]
}
