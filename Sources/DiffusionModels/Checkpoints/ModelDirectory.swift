import Autograd
import Foundation

/// A model's folder in the Hub's diffusers layout, from which its parts are loaded one by one.
///
/// `model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`, and `one_step.json` if the model is a
/// one-step student. Weights are safetensors in Float32, Float16 or BFloat16, single or sharded; nothing is downloaded.
public struct ModelDirectory: Sendable {
    /// A part of the model, named as its folder.
    enum Part: String, CaseIterable {
        case unet
        case vae
        case textEncoder = "text_encoder"
        case tokenizer
        case scheduler

        /// The classes that this library can stand in for; nil for any.
        var classes: [String]? {
            switch self {
            case .unet: ["UNet2DConditionModel"]
            case .vae: ["AutoencoderKL"]
            case .textEncoder: ["CLIPTextModel"]
            case .tokenizer: ["CLIPTokenizer", "CLIPTokenizerFast"]
            case .scheduler: nil
            }
        }

        /// The name of the weights' file before its extension.
        var stem: String { self == .textEncoder ? "model" : "diffusion_pytorch_model" }
    }

    /// The folder.
    public let url: URL
    /// At which timestep the model works if it is a one-step student, nil if it is a multi-step model.
    public let oneStep: OneStepConfiguration?

    static let indexName = "model_index.json"

    /// Reads `model_index.json` and `one_step.json`. Throws ``ModelError`` if the folder is not such a model.
    public init(_ url: URL) throws {
        self.url = url
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue else {
            throw ModelError.missingFile(path: url.path, purpose: "the folder of a diffusers model")
        }
        let index = try ConfigurationFields(
            contentsOf: url.appending(path: Self.indexName), purpose: "the list of the model's parts")
        for part in Part.allCases {
            guard case .array(let names)? = index.values[part.rawValue], names.count == 2,
                case .string(let name) = names[1]
            else { throw index.invalid(part.rawValue, expected: "[library, class]") }
            if let classes = part.classes, !classes.contains(name) {
                throw index.unsupported(part.rawValue, expected: classes.joined(separator: " or "))
            }
        }
        let oneStep = url.appending(path: OneStepConfiguration.fileName)
        self.oneStep =
            FileManager.default.fileExists(atPath: oneStep.path)
            ? try OneStepConfiguration(ConfigurationFields(contentsOf: oneStep, purpose: "the student's timestep"))
            : nil
    }

    /// A part's folder.
    func folder(_ part: Part) -> URL { url.appending(path: part.rawValue) }

    /// The fields of a part's `config.json`.
    func fields(_ part: Part) throws -> ConfigurationFields {
        try ConfigurationFields(
            contentsOf: folder(part).appending(path: "config.json"), purpose: "the configuration of this part")
    }
}

extension ModelDirectory {
    /// The noise schedule of `scheduler/scheduler_config.json`. Throws ``ModelError``.
    public func schedule() throws -> NoiseSchedule {
        let file = folder(.scheduler).appending(path: "scheduler_config.json")
        let fields = try ConfigurationFields(contentsOf: file, purpose: "the noise schedule")
        return NoiseSchedule(try NoiseSchedule.Configuration(fields))
    }

    /// The tokenizer of `tokenizer/`. Throws what `CLIPTokenizer` throws.
    public func tokenizer() throws -> CLIPTokenizer {
        try CLIPTokenizer(contentsOf: folder(.tokenizer))
    }

    /// The denoising network of `unet/`, frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func unet() throws -> UNet2DConditionModel {
        let parameters = ParameterSet()
        let model = UNet2DConditionModel(try .init(fields(.unet)), in: parameters.scope)
        try parameters.load(from: WeightFiles(in: folder(.unet), stem: Part.unet.stem))
        return model
    }

    /// The autoencoder of `vae/`, frozen; the attention's keys may be those of before diffusers 0.18. Throws
    /// ``ModelError`` or `SafetensorsError`.
    public func autoencoder() throws -> AutoencoderKL {
        try AutoencoderKL(fields(.vae), weightsIn: folder(.vae))
    }

    /// The text encoder of `text_encoder/`, frozen; its keys may lack the prefix `text_model.`. Throws ``ModelError`` or
    /// `SafetensorsError`.
    public func textEncoder() throws -> CLIPTextModel {
        let parameters = ParameterSet()
        let model = CLIPTextModel(try .init(fields(.textEncoder)), in: parameters.scope)
        let prefix = "text_model."
        let weights = try WeightFiles(
            in: folder(.textEncoder), stem: Part.textEncoder.stem,
            renaming: { $0.hasPrefix(prefix) ? $0 : prefix + $0 })
        try parameters.load(from: weights, ignoring: { $0 == "text_model.embeddings.position_ids" })
        return model
    }
}
