import DiffusionModels
import Foundation
import Tensor

/// The configuration of a CLIP model, from transformers' `config.json` or OpenCLIP's `open_clip_config.json`.
struct CLIPConfiguration {
    /// The naming scheme of the weights.
    enum Layout {
        case transformers, openCLIP
    }

    /// The configuration of the vision transformer.
    struct Vision {
        var width = 768
        var feedForwardWidth = 3072
        var layers = 12
        var heads = 12
        var pictureSize = 224
        var patchSize = 32
        var activation = ActivationName.quickGELU
        var normalizationEpsilon = 1e-5
    }

    let layout: Layout
    var text = CLIPTextModel.Configuration()
    var vision = Vision()
    var projectionWidth = 512
    /// The means of red, green and blue in 0…1; OpenAI's if the files do not specify them.
    var means: [Float] = [0.48145466, 0.4578275, 0.40821073]
    /// The standard deviations of red, green and blue in 0…1; OpenAI's if the files do not specify them.
    var deviations: [Float] = [0.26862954, 0.26130258, 0.27577711]

    /// Reads a folder's configuration; if both models exist, transformers' takes precedence over OpenCLIP's. Throws
    /// ``EvaluationError`` if there is none, and `ModelError` with the file and the field that is not supported or out of range.
    init(contentsOf folder: URL) throws {
        func has(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appending(path: name).path)
        }
        let weights = ["model.safetensors", "model.safetensors.index.json", "model.fp16.safetensors"]
        let isTransformers = weights.contains(where: has) || (has("config.json") && !has("open_clip_config.json"))
        let file = folder.appending(path: isTransformers ? "config.json" : "open_clip_config.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw EvaluationError.unreadable(
                path: file.path,
                reason: "expected a CLIP model: config.json and model.safetensors of transformers, or "
                    + "open_clip_config.json and open_clip_model.safetensors of OpenCLIP")
        }
        layout = isTransformers ? .transformers : .openCLIP
        let fields = try ConfigurationFields(contentsOf: file, purpose: "the sizes of a CLIP model")
        if isTransformers {
            try readTransformers(fields)
            let preprocessing = folder.appending(path: "preprocessor_config.json")
            if FileManager.default.fileExists(atPath: preprocessing.path) {
                let colours = try ConfigurationFields(contentsOf: preprocessing, purpose: "the preparation of pictures")
                try readColours(colours, "image_mean", "image_std")
            }
        } else {
            try readOpenCLIP(fields.object("model_cfg"))
            try readColours(fields.object("preprocess_cfg"), "mean", "std")
        }
    }
}

extension CLIPConfiguration {
    private static let extent = 1...65_536

    private mutating func readTransformers(_ fields: ConfigurationFields) throws {
        for field in ["text_config", "vision_config"] where fields.isNull(field) {
            throw fields.invalid(field, expected: "an object of fields")
        }
        let (tower, extent) = (try fields.object("vision_config"), Self.extent)
        text = try CLIPTextModel.Configuration(fields.object("text_config"))
        projectionWidth = try fields.integer("projection_dim", default: 512, in: extent)
        vision.width = try tower.integer("hidden_size", default: vision.width, in: extent)
        vision.feedForwardWidth = try tower.integer(
            "intermediate_size", default: vision.feedForwardWidth, in: 1...1_048_576)
        vision.layers = try tower.integer("num_hidden_layers", default: vision.layers, in: 1...1024)
        vision.heads = try tower.integer("num_attention_heads", default: vision.heads, in: 1...4096)
        vision.pictureSize = try tower.integer("image_size", default: vision.pictureSize, in: 1...4096)
        vision.patchSize = try tower.integer("patch_size", default: vision.patchSize, in: 1...4096)
        vision.normalizationEpsilon = try tower.number(
            "layer_norm_eps", default: vision.normalizationEpsilon, in: 1e-12...1)
        vision.activation = try tower.choice("hidden_act", default: vision.activation)
        try checkVision(tower, heads: "num_attention_heads", size: "image_size")
    }

    private mutating func readOpenCLIP(_ model: ConfigurationFields) throws {
        for field in ["vision_cfg", "text_cfg"] where model.isNull(field) {
            throw model.invalid(field, expected: "an object of fields")
        }
        let (tower, words, extent) = (try model.object("vision_cfg"), try model.object("text_cfg"), Self.extent)
        let activation = try model.boolean("quick_gelu", default: false) ? ActivationName.quickGELU : .gelu
        projectionWidth = try model.integer("embed_dim", default: nil, in: extent)
        vision.width = try tower.integer("width", default: nil, in: extent)
        let ratio = 1e-3...64.0
        vision.feedForwardWidth = Int(
            Double(vision.width) * (try tower.number("mlp_ratio", default: 4, in: ratio)))
        vision.layers = try tower.integer("layers", default: nil, in: 1...1024)
        let headWidth = try tower.integer("head_width", default: 64, in: extent)
        vision.heads = max(vision.width / headWidth, 1)
        vision.pictureSize = try tower.integer("image_size", default: nil, in: 1...4096)
        vision.patchSize = try tower.integer("patch_size", default: nil, in: 1...4096)
        vision.activation = activation
        try checkVision(tower, heads: "head_width", size: "image_size")
        text.vocabularySize = try words.integer("vocab_size", default: nil, in: 1...16_777_216)
        text.maximumPositions = try words.integer("context_length", default: nil, in: extent)
        text.width = try words.integer("width", default: nil, in: extent)
        text.feedForwardWidth = Int(Double(text.width) * (try words.number("mlp_ratio", default: 4, in: ratio)))
        text.heads = try words.integer("heads", default: nil, in: 1...4096)
        text.layers = try words.integer("layers", default: nil, in: 1...1024)
        text.activation = activation
        guard text.width % text.heads == 0 else {
            throw words.invalid("heads", expected: "a divisor of width, \(text.width)")
        }
    }

    private func checkVision(_ fields: ConfigurationFields, heads: String, size: String) throws {
        guard vision.width % vision.heads == 0 else {
            throw fields.invalid(heads, expected: "heads that divide the width, \(vision.width)")
        }
        guard vision.pictureSize % vision.patchSize == 0 else {
            throw fields.invalid(size, expected: "a multiple of patch_size, \(vision.patchSize)")
        }
        guard vision.feedForwardWidth > 0 else { throw fields.invalid("mlp_ratio", expected: "a larger ratio") }
    }

    /// Reads the means and standard deviations of the colours, if the file specifies them.
    private mutating func readColours(_ fields: ConfigurationFields, _ mean: String, _ deviation: String) throws {
        means = try fields.numbers(mean, count: 3, default: means.map(Double.init), in: -1e3...1e3).map(Float.init)
        deviations = try fields.numbers(deviation, count: 3, default: deviations.map(Double.init), in: 1e-6...1e3)
            .map(Float.init)
    }

    /// The number of transformer layers, a lower bound of the layers with weights.
    var layerCount: Int { text.layers + vision.layers }
}
