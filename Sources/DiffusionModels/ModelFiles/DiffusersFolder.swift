import Foundation
import Tensor

/// A model in the Hub's diffusers layout: one folder per part, each with its configuration.
struct DiffusersFolder: CheckpointLayout {
    static let indexName = "model_index.json"

    let url: URL
    let parts: [ModelFiles.Part]
    let zeroesEmptyPrompt: Bool
    private let storage: FileStorage
    /// Whether the model decodes with a small autoencoder (TAESD) of its own, as SDXS does.
    let hasTinyAutoencoder: Bool

    /// Reads `model_index.json`. Throws ``ModelError`` if a part is missing or of an unsupported class.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - replaced: parts that are loaded from elsewhere, whose entries in the index are ignored.
    ///   - storage: where the weights are.
    init(_ url: URL, replacing replaced: Set<ModelFiles.Part> = [], storage: FileStorage = .mapped) throws {
        (self.url, self.storage) = (url, storage)
        let file = url.appending(path: Self.indexName)
        if !FileManager.default.fileExists(atPath: file.path), let kind = CheckpointKind(folder: url) {
            throw ModelError.otherModel(path: url.path, kind: kind)
        }
        let index = try ConfigurationFields(contentsOf: file, purpose: "the list of the model's parts")
        func has(_ part: String) -> Bool { !index.isNull(part) && index.values[part] != .array([.null, .null]) }
        for foreign in ["transformer", "text_encoder_3", "prior"] where has(foreign) {
            throw index.unsupported(
                foreign, expected: "no such part, since only Stable Diffusion 1.x, 2.x and XL are supported")
        }
        hasTinyAutoencoder =
            !replaced.contains(.vae)
            && index.values[ModelFiles.Part.vae.rawValue] == .array(["diffusers", "AutoencoderTiny"])
        let isXL = has(ModelFiles.Part.textEncoder2.rawValue)
        if isXL, !has(ModelFiles.Part.textEncoder.rawValue) {
            throw index.unsupported(
                ModelFiles.Part.textEncoder.rawValue,
                expected: "two text encoders; the refiner of Stable Diffusion XL is not supported, use its base model")
        }
        parts = ModelFiles.Part.common + (isXL ? ModelFiles.Part.second : [])
        zeroesEmptyPrompt = try isXL && index.boolean("force_zeros_for_empty_prompt", default: true)
        for part in parts where !replaced.contains(part) {
            guard case .array(let names)? = index.values[part.rawValue], names.count == 2,
                case .string(let name) = names[1]
            else { throw index.invalid(part.rawValue, expected: "[library, class]") }
            if let classes = part.classes, !classes.contains(name) {
                throw index.unsupported(part.rawValue, expected: classes.joined(separator: " or "))
            }
        }
    }

    /// The student's timestep, nil where there is no `one_step.json`.
    func oneStep() throws -> OneStepConfiguration? {
        let file = url.appending(path: OneStepConfiguration.fileName)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        return try OneStepConfiguration(ConfigurationFields(contentsOf: file, purpose: "the student's timestep"))
    }

    /// Whether a part's folder exists.
    func has(_ part: ModelFiles.Part) -> Bool { FileManager.default.fileExists(atPath: folder(part).path) }

    var hasAutoencoder: Bool { !hasTinyAutoencoder && has(.vae) }

    var statesSchedule: Bool { true }

    /// A part's folder.
    func folder(_ part: ModelFiles.Part) -> URL { url.appending(path: part.rawValue) }

    func fields(_ part: ModelFiles.Part) throws -> ConfigurationFields {
        if part == .vae, !hasAutoencoder { throw ModelError.missingAutoencoder(path: url.path) }
        let name = part == .scheduler ? "scheduler_config.json" : "config.json"
        return try ConfigurationFields(
            contentsOf: folder(part).appending(path: name), purpose: "the configuration of this part")
    }

    func weights(_ part: ModelFiles.Part) throws -> WeightFiles {
        switch part {
        case .vae: try AutoencoderKL.weights(in: folder(part), storage: storage)
        case .textEncoder, .textEncoder2:
            try WeightFiles(in: folder(part), stem: part.stem, naming: CLIPTextModel.names, storage: storage)
        default: try WeightFiles(in: folder(part), stem: part.stem, storage: storage)
        }
    }
}

extension ModelFiles.Part {
    /// The supported classes; nil for any.
    fileprivate var classes: [String]? {
        switch self {
        case .unet: ["UNet2DConditionModel"]
        case .vae: ["AutoencoderKL", "AutoencoderTiny"]
        case .textEncoder: ["CLIPTextModel"]
        case .textEncoder2: [CLIPTextModel.Configuration.projectingClass]
        case .tokenizer, .tokenizer2: ["CLIPTokenizer", "CLIPTokenizerFast"]
        case .scheduler: nil
        }
    }

    /// The name of the weights file without its extension.
    var stem: String { [.textEncoder, .textEncoder2].contains(self) ? "model" : "diffusion_pytorch_model" }
}

extension CLIPTextModel {
    /// Maps a key of transformers to this library's names: `text_model.` may be absent, and `position_ids` of old files is ignored.
    static func names(for key: String) -> [String] {
        let prefix = "text_model."
        let name = key.hasPrefix(prefix) || key.hasPrefix("text_projection.") ? key : prefix + key
        return name == "text_model.embeddings.position_ids" ? [] : [name]
    }
}

extension AutoencoderKL {
    /// The weights in an autoencoder's folder, with old or new keys of diffusers.
    static func weights(in folder: URL, storage: FileStorage) throws -> WeightFiles {
        try WeightFiles(
            in: folder, stem: ModelFiles.Part.vae.stem, naming: names, isLinear: isLinear, storage: storage)
    }

    /// Maps a key of diffusers to this library's names: before 0.18 the middle blocks' attention had other names.
    static func names(for key: String) -> [String] {
        let replacements = ["query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"]
        var words = key.split(separator: ".").map(String.init)
        guard words.count == 6, words[1] == "mid_block", words[2] == "attentions",
            let replacement = replacements[words[4]]
        else { return [key] }
        words[4] = replacement
        return [words.joined(separator: ".")]
    }

    /// Whether it is a linear weight, which old files store as a 1×1 convolution.
    static func isLinear(_ name: String) -> Bool { name.contains(".attentions.") }
}
