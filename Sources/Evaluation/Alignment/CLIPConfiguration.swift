import DiffusionModels
import Foundation

/// The sizes of a CLIP model, from transformers' `config.json` or OpenCLIP's `open_clip_config.json`.
struct CLIPConfiguration {
    /// How the weights are named.
    enum Layout {
        case transformers, openCLIP
    }

    /// A transformer over patches.
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
    /// The mean and deviation of red, green and blue in 0…1; OpenAI's where the files do not say.
    var means: [Float] = [0.48145466, 0.4578275, 0.40821073]
    var deviations: [Float] = [0.26862954, 0.26130258, 0.27577711]

    /// Reads a folder's configuration, transformers' before OpenCLIP's where both are. Throws ``EvaluationError``, and `ModelError` for a
    /// text encoder that is not supported.
    init(contentsOf folder: URL) throws {
        let weights = ["model.safetensors", "model.safetensors.index.json", "model.fp16.safetensors"]
        let isTransformers = weights.contains {
            FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
        }
        let file = folder.appending(path: isTransformers ? "config.json" : "open_clip_config.json")
        guard let data = try? Data(contentsOf: file) else {
            throw EvaluationError.unreadable(
                path: file.path,
                reason: "expected a CLIP model: config.json and model.safetensors of transformers, or "
                    + "open_clip_config.json and open_clip_model.safetensors of OpenCLIP")
        }
        layout = isTransformers ? .transformers : .openCLIP
        do {
            if isTransformers {
                try read(JSONDecoder().decode(Transformers.self, from: data))
                let preprocessing = folder.appending(path: "preprocessor_config.json")
                if let data = try? Data(contentsOf: preprocessing) {
                    let colours = try JSONDecoder().decode(Transformers.Colours.self, from: data)
                    (means, deviations) = (colours.image_mean ?? means, colours.image_std ?? deviations)
                }
            } else {
                try read(JSONDecoder().decode(OpenCLIP.self, from: data))
            }
        } catch let error as DecodingError {
            throw EvaluationError.unsuitableContents(
                path: file.path, expected: "the sizes of a CLIP model with a transformer over patches",
                found: "\(error)")
        }
        let extents = [
            vision.width, vision.layers, vision.heads, vision.patchSize, vision.feedForwardWidth, projectionWidth,
        ]
        guard (extents + [text.width, text.heads]).allSatisfy((1...65_536).contains), vision.width % vision.heads == 0,
            text.width % text.heads == 0, vision.pictureSize % vision.patchSize == 0, vision.pictureSize <= 4096,
            means.count == 3, deviations.count == 3, deviations.allSatisfy({ $0 > 0 })
        else {
            throw EvaluationError.unsuitableContents(
                path: file.path,
                expected: "positive sizes, heads that divide the widths and patches that divide the picture",
                found: "\(vision), text \(text.width) wide with \(text.heads) heads, projected to \(projectionWidth)")
        }
    }
}

extension CLIPConfiguration {
    /// transformers' fields, under their own names.
    private struct Transformers: Decodable {
        struct Vision: Decodable {
            let hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, image_size, patch_size: Int?
            let hidden_act: String?
            let layer_norm_eps: Double?
        }

        struct Colours: Decodable {
            let image_mean, image_std: [Float]?
        }

        let text_config: CLIPTextModel.Configuration
        let vision_config: Vision
        let projection_dim: Int?
    }

    private mutating func read(_ fields: Transformers) throws {
        (text, projectionWidth) = (fields.text_config, fields.projection_dim ?? 512)
        let (defaults, given) = (vision, fields.vision_config)
        vision.width = given.hidden_size ?? defaults.width
        vision.feedForwardWidth = given.intermediate_size ?? defaults.feedForwardWidth
        vision.layers = given.num_hidden_layers ?? defaults.layers
        vision.heads = given.num_attention_heads ?? defaults.heads
        vision.pictureSize = given.image_size ?? defaults.pictureSize
        vision.patchSize = given.patch_size ?? defaults.patchSize
        vision.normalizationEpsilon = given.layer_norm_eps ?? defaults.normalizationEpsilon
        if let name = given.hidden_act {
            guard let activation = ActivationName(rawValue: name) else {
                throw EvaluationError.unsuitableContents(
                    path: "config.json: vision_config.hidden_act",
                    expected: ActivationName.allCases.map(\.rawValue).joined(separator: ", "), found: name)
            }
            vision.activation = activation
        }
    }

    /// OpenCLIP's fields, under their own names.
    private struct OpenCLIP: Decodable {
        struct Vision: Decodable {
            let image_size, layers, width, patch_size: Int
            let head_width: Int?
            let mlp_ratio: Double?
        }

        struct Text: Decodable {
            let context_length, vocab_size, width, heads, layers: Int
            let mlp_ratio: Double?
        }

        struct Model: Decodable {
            let embed_dim: Int
            let quick_gelu: Bool?
            let vision_cfg: Vision
            let text_cfg: Text
        }

        struct Colours: Decodable {
            let mean, std: [Float]?
        }

        let model_cfg: Model
        let preprocess_cfg: Colours?
    }

    private mutating func read(_ fields: OpenCLIP) throws {
        let (model, activation) = (
            fields.model_cfg, fields.model_cfg.quick_gelu == true ? ActivationName.quickGELU : .gelu
        )
        projectionWidth = model.embed_dim
        (means, deviations) = (fields.preprocess_cfg?.mean ?? means, fields.preprocess_cfg?.std ?? deviations)
        vision.width = model.vision_cfg.width
        vision.feedForwardWidth = Int(Double(vision.width) * (model.vision_cfg.mlp_ratio ?? 4))
        vision.layers = model.vision_cfg.layers
        let headWidth = model.vision_cfg.head_width ?? 64
        vision.heads = headWidth > 0 ? vision.width / headWidth : 0
        vision.pictureSize = model.vision_cfg.image_size
        vision.patchSize = model.vision_cfg.patch_size
        vision.activation = activation
        text.vocabularySize = model.text_cfg.vocab_size
        text.maximumPositions = model.text_cfg.context_length
        text.width = model.text_cfg.width
        text.feedForwardWidth = Int(Double(text.width) * (model.text_cfg.mlp_ratio ?? 4))
        text.heads = model.text_cfg.heads
        text.layers = model.text_cfg.layers
        text.activation = activation
    }
}
