import Autograd
import Foundation

/// A model's files, from which its parts are loaded one by one.
///
/// Either a folder in the Hub's diffusers layout (`model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`,
/// `scheduler/`, and `one_step.json` if the model is a one-step student), or a single safetensors file in the layout of the
/// original Stable Diffusion code (`model.diffusion_model.…`, `first_stage_model.…`, `cond_stage_model.…`). Weights are
/// safetensors in Float32, Float16 or BFloat16; nothing is downloaded.
///
/// A single file has no configuration. Its networks' sizes follow from the shapes of its tensors. What shapes do not tell is
/// taken from the family, which the text encoder gives away:
///
/// | | Stable Diffusion 1.x (CLIP) | 2.x (OpenCLIP) |
/// | --- | --- | --- |
/// | attention heads of the UNet | 8 | channels / 64 |
/// | activation of the text encoder | `quick_gelu` | `gelu` |
/// | prediction type | epsilon | v, as 2.1 has; 2.x base predicts epsilon |
/// | latents | 64 × 64 | 96 × 96, of 2.x base 64 × 64 |
///
/// and in both: text encoder heads of width 64, 32 normalisation groups, scaling factor 0.18215, and the scaled linear schedule
/// from 0.00085 to 0.012 over 1000 timesteps.
public struct ModelCheckpoint: Sendable {
    /// A part of the model, named as its folder.
    enum Part: String, CaseIterable {
        case unet
        case vae
        case textEncoder = "text_encoder"
        case tokenizer
        case scheduler
    }

    /// The folder or file.
    public let url: URL
    /// At which timestep the model works if it is a one-step student, nil if it is a multi-step model.
    public let oneStep: OneStepConfiguration?
    /// The folder of the tokenizer, nil for a single file without one.
    public let tokenizerFolder: URL?

    /// Told how far a network's loading has come, tensor by tensor: of each network, whenever it is loaded.
    public var progress: (@Sendable (LoadingProgress) -> Void)?

    let layout: any CheckpointLayout
    private let predictionType: PredictionType?

    /// Looks at a model without loading its weights.
    ///
    /// - Parameters:
    ///   - url: a folder in the diffusers layout or a single safetensors file.
    ///   - tokenizer: the folder of a tokenizer, which a single file lacks; nil means the model's own.
    ///   - predictionType: what the network predicts; nil means what the folder's scheduler says, or for a single file what its
    ///     metadata says (`modelspec.prediction_type`), or else what its family does.
    ///
    /// Throws ``ModelError`` if it is not such a model, and `SafetensorsError`.
    public init(contentsOf url: URL, tokenizer: URL? = nil, predictionType: PredictionType? = nil) throws {
        self.url = url
        self.predictionType = predictionType
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ModelError.missingFile(
                path: url.path, purpose: "a model: a folder in the diffusers layout or a safetensors file")
        }
        if isFolder.boolValue {
            let folder = try DiffusersFolder(url)
            (layout, oneStep) = (folder, try folder.oneStep())
            tokenizerFolder = tokenizer ?? folder.folder(.tokenizer)
        } else {
            layout = try SingleFileCheckpoint(url, predictionType: predictionType)
            (oneStep, tokenizerFolder) = (nil, tokenizer)
        }
    }
}

/// Where a checkpoint's parts are found.
protocol CheckpointLayout: Sendable {
    /// The fields of a part's configuration.
    func fields(_ part: ModelCheckpoint.Part) throws -> ConfigurationFields
    /// The weights of a network, under this library's names.
    func weights(_ part: ModelCheckpoint.Part) throws -> WeightFiles
}

extension ModelCheckpoint {
    /// The noise schedule. Throws ``ModelError``.
    public func schedule() throws -> NoiseSchedule {
        var configuration = try NoiseSchedule.Configuration(layout.fields(.scheduler))
        if let predictionType { configuration.predictionType = predictionType }
        return NoiseSchedule(configuration)
    }

    /// The tokenizer. Throws ``ModelError/missingTokenizer(path:)`` for a single file without one, and what `CLIPTokenizer` throws.
    public func tokenizer() throws -> CLIPTokenizer {
        guard let tokenizerFolder else { throw ModelError.missingTokenizer(path: url.path) }
        return try CLIPTokenizer(contentsOf: tokenizerFolder)
    }

    /// The denoising network, frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func unet() throws -> UNet2DConditionModel {
        let parameters = ParameterSet()
        let model = UNet2DConditionModel(try .init(layout.fields(.unet)), in: parameters.scope)
        try load(.unet, into: parameters)
        return model
    }

    /// The autoencoder, frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func autoencoder() throws -> AutoencoderKL {
        let parameters = ParameterSet()
        let model = AutoencoderKL(try .init(layout.fields(.vae)), in: parameters.scope)
        try load(.vae, into: parameters)
        return model
    }

    /// The text encoder, frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func textEncoder() throws -> CLIPTextModel {
        let model = try CLIPTextModel(.init(layout.fields(.textEncoder)), in: ParameterSet().scope)
        try load(.textEncoder, into: model.parameters)
        return model
    }

    /// The text encoder to look at some of its numbers: most of the file is not read.
    func uncheckedTextEncoder() throws -> CLIPTextModel {
        let model = try CLIPTextModel(.init(layout.fields(.textEncoder)), in: ParameterSet().scope)
        try model.parameters.load(unchecked: layout.weights(.textEncoder))
        return model
    }

    private func load(_ part: Part, into parameters: ParameterSet) throws {
        let weights = try layout.weights(part)
        var state = LoadingProgress(network: part.rawValue, loadedBytes: 0, totalBytes: weights.byteCount)
        try parameters.load(from: weights) { bytes in
            state.loadedBytes += bytes
            progress?(state)
        }
    }
}
