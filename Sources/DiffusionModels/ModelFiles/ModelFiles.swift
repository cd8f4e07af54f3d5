import Autograd
import Foundation
import Tensor

/// A model's files, from which its parts are loaded individually.
///
/// Either a folder in the Hub's diffusers layout (`model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`,
/// `scheduler/`, of Stable Diffusion XL also `text_encoder_2/` and `tokenizer_2/`, and `one_step.json` if the model is a one-step student),
/// or a single safetensors file in the layout of the original Stable Diffusion code (`model.diffusion_model.…`, `first_stage_model.…`,
/// `cond_stage_model.…`, of Stable Diffusion XL `conditioner.embedders.…`). Weights are
/// safetensors in Float32, Float16, BFloat16, 8-bit floating point, or 8-bit integers as
/// ``TextToImageModel/save(to:scalarType:)`` writes them; nothing is downloaded.
///
/// A single file has no configuration. Its networks' sizes are inferred from the shapes of its tensors. What shapes do not
/// determine depends on the family, which is recognised by the text encoder:
///
/// | | Stable Diffusion 1.x (CLIP) | 2.x (OpenCLIP) | XL (both) |
/// | --- | --- | --- | --- |
/// | attention heads of the UNet | 8 | channels / 64 | channels / 64 |
/// | activation of the text encoder | `quick_gelu` | `gelu` | one each |
/// | prediction type | epsilon | v, as 2.1 has; 2.x base predicts epsilon, and so does a ``RecognizedStudent`` | epsilon |
/// | latents | 64 × 64 | 96 × 96, of 2.x base 64 × 64 | 128 × 128 |
/// | scaling factor | 0.18215 | 0.18215 | 0.13025 |
///
/// and in all: text encoder heads of width 64, 32 normalisation groups, and the scaled linear schedule from 0.00085 to 0.012 over 1000
/// timesteps. A tokenizer's folder serves both text encoders of XL, of which the first pads with the end token and the second with "!". A file without an autoencoder needs a separate one. If a file has only the moving
/// averages (EMA) of the denoising network's weights, these are read.
public struct ModelFiles: Sendable {
    /// A part of the model; raw values are the folder names.
    enum Part: String, CaseIterable {
        case unet
        case vae
        case textEncoder = "text_encoder"
        case tokenizer
        case scheduler
        case textEncoder2 = "text_encoder_2"
        case tokenizer2 = "tokenizer_2"

        /// The parts of every model.
        static let common: [Part] = [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
        /// The parts of Stable Diffusion XL beside the common ones.
        static let second: [Part] = [.textEncoder2, .tokenizer2]
        /// The tokenizer of a text encoder.
        var ownTokenizer: Part { self == .textEncoder2 ? .tokenizer2 : .tokenizer }
    }

    /// The model's folder or file.
    public let url: URL
    /// The timestep of a one-step student, nil for a multi-step model.
    public let oneStep: OneStepConfiguration?
    /// The folder of the tokenizer, nil for a model without one.
    public let tokenizerFolder: URL?
    /// The folder of the second text encoder's own tokenizer.
    private let secondTokenizerFolder: URL?

    /// Called after each tensor while a network is loaded, each time any network is loaded.
    public var progress: (@Sendable (LoadingProgress) -> Void)?

    let layout: any CheckpointLayout
    /// The autoencoder that replaces the model's own, or its own if that is a small one.
    let otherAutoencoder: AutoencoderFiles?
    private let predictionType: PredictionType?
    /// Where the weights are.
    let storage: FileStorage
    /// The type in which the weights are kept.
    public let weights: WeightType

    /// Opens a model without loading its weights.
    ///
    /// - Parameters:
    ///   - url: a folder in the diffusers layout or a single safetensors file.
    ///   - tokenizer: a tokenizer's folder; nil for the model's own. A single file has none.
    ///   - autoencoder: the diffusers folder or safetensors file of another autoencoder. An `AutoencoderKL` replaces the model's own; a
    ///     small one (TAESD) replaces only the decoder.
    ///   - predictionType: the network's prediction type; nil for that of the folder's scheduler, or for a single file that of its
    ///     metadata (`modelspec.prediction_type`), or else of its family.
    ///   - storage: where the weights are: mapped from the files, which must not be truncated while the model lives, or in memory.
    ///   - weights: the type in which the weights are kept.
    ///
    /// Throws ``ModelError`` if it is not a supported model, and `SafetensorsError`.
    public init(
        contentsOf url: URL, tokenizer: URL? = nil, autoencoder: URL? = nil, predictionType: PredictionType? = nil,
        storage: FileStorage = .mapped, weights: WeightType = .stored
    ) throws {
        self.url = url
        (self.storage, self.weights) = (storage, weights)
        var otherAutoencoder = try autoencoder.map { try AutoencoderFiles(contentsOf: $0, storage: storage) }
        self.predictionType = predictionType
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ModelError.missingFile(
                path: url.path, purpose: "a model: a folder in the diffusers layout or a safetensors file")
        }
        if isFolder.boolValue {
            var replaced: Set<Part> = tokenizer == nil ? [] : [.tokenizer]
            if otherAutoencoder != nil { replaced.insert(.vae) }
            let folder = try DiffusersFolder(url, replacing: replaced, storage: storage)
            if folder.hasTinyAutoencoder {
                otherAutoencoder = try AutoencoderFiles(contentsOf: folder.folder(.vae), storage: storage)
            }
            (layout, oneStep) = (folder, try folder.oneStep())
            tokenizerFolder = tokenizer ?? (folder.has(.tokenizer) ? folder.folder(.tokenizer) : nil)
            secondTokenizerFolder = folder.has(.tokenizer2) ? folder.folder(.tokenizer2) : nil
        } else {
            layout = try SingleFileCheckpoint(url, predictionType: predictionType, storage: storage)
            (oneStep, tokenizerFolder, secondTokenizerFolder) = (nil, tokenizer, nil)
        }
        self.otherAutoencoder = otherAutoencoder
    }
}

/// Access to a checkpoint's parts, independent of its layout.
protocol CheckpointLayout: Sendable {
    /// Whether there is an autoencoder.
    var hasAutoencoder: Bool { get }
    /// The parts that a model of this family has.
    var parts: [ModelFiles.Part] { get }
    /// Whether the embeddings of an empty prompt are zeros, in Stable Diffusion XL.
    var zeroesEmptyPrompt: Bool { get }
    /// Whether the files contain the noise schedule; otherwise it is that of the model's family.
    var statesSchedule: Bool { get }
    /// A part's configuration.
    func fields(_ part: ModelFiles.Part) throws -> ConfigurationFields
    /// The weights of a network, under this library's names.
    func weights(_ part: ModelFiles.Part) throws -> WeightFiles
}

extension ModelFiles {
    /// The noise schedule. Throws ``ModelError``.
    public func schedule() throws -> NoiseSchedule {
        var configuration = try NoiseSchedule.Configuration(layout.fields(.scheduler))
        configuration.isAssumed = !layout.statesSchedule
        if let predictionType { configuration.predictionType = predictionType }
        return try NoiseSchedule(configuration)
    }

    /// The tokenizer. Throws ``ModelError/missingTokenizer(path:)`` for a model without one, and what `CLIPTokenizer` throws.
    public func tokenizer() throws -> CLIPTokenizer { try tokenizer(.tokenizer) }

    /// A text encoder's tokenizer. Where two text encoders share a folder, their padding tokens are those of Stable Diffusion XL.
    func tokenizer(_ part: Part) throws -> CLIPTokenizer {
        if part == .tokenizer2, let secondTokenizerFolder {
            return try CLIPTokenizer(contentsOf: secondTokenizerFolder)
        }
        guard let tokenizerFolder else { throw ModelError.missingTokenizer(path: url.path) }
        let tokenizer = try CLIPTokenizer(contentsOf: tokenizerFolder)
        guard hasTwoTextEncoders, secondTokenizerFolder == nil else { return tokenizer }
        return try tokenizer.padding(with: part == .tokenizer2 ? "!" : nil)
    }

    /// Whether it is a model of Stable Diffusion XL's kind, with two text encoders.
    public var hasTwoTextEncoders: Bool { layout.parts.contains(.textEncoder2) }

    /// The configuration of the denoising network. Throws ``ModelError``.
    public func unetConfiguration() throws -> UNet2DConditionModel.Configuration { try .init(layout.fields(.unet)) }

    /// The configuration of the model's own autoencoder. Throws ``ModelError``.
    public func autoencoderConfiguration() throws -> AutoencoderKL.Configuration { try .init(layout.fields(.vae)) }

    /// The configuration of the text encoder. Throws ``ModelError``.
    public func textEncoderConfiguration() throws -> CLIPTextModel.Configuration {
        try textEncoderConfiguration(.textEncoder)
    }

    func textEncoderConfiguration(_ part: Part) throws -> CLIPTextModel.Configuration {
        var configuration = try CLIPTextModel.Configuration(layout.fields(part))
        configuration.hasProjection = part == .textEncoder2
        return configuration
    }

    /// The denoising network, frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func unet() throws -> UNet2DConditionModel {
        let configuration = try unetConfiguration()
        let weights = try layout.weights(.unet)
        try weights.check(layers: configuration.layerCount)
        var model = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        if hasAutoencoder { model.pixelsPerLatent = try autoencoderFiles().0.pixelsPerLatent }
        try load(.unet, from: weights, into: model.parameters)
        return model
    }

    /// Whether there are files for ``autoencoder()``.
    public var hasAutoencoder: Bool {
        if case .full? = otherAutoencoder?.network { return true }
        return layout.hasAutoencoder
    }

    /// The autoencoder, frozen: the replacement if one was passed, otherwise the model's own. Throws ``ModelError`` or `SafetensorsError`.
    public func autoencoder() throws -> AutoencoderKL {
        let (configuration, weights) = try autoencoderFiles()
        try weights.check(layers: configuration.layerCount)
        let model = AutoencoderKL(configuration, in: ParameterSet().scope)
        try load(.vae, from: weights, into: model.parameters)
        return model
    }

    private func autoencoderFiles() throws -> (AutoencoderKL.Configuration, WeightFiles) {
        if let other = otherAutoencoder, case .full(let configuration) = other.network {
            return (configuration, other.weights)
        }
        return (try AutoencoderKL.Configuration(layout.fields(.vae)), try layout.weights(.vae))
    }

    /// The small autoencoder's decoder that replaces the model's own, frozen; nil when none was passed.
    func tinyDecoder() throws -> (any LatentDecoder)? {
        guard let otherAutoencoder, case .tiny = otherAutoencoder.network else { return nil }
        return try otherAutoencoder.decoder(weights)
    }

    /// The text encoder, of two the first; frozen. Throws ``ModelError`` or `SafetensorsError`.
    public func textEncoder() throws -> CLIPTextModel { try textEncoder(.textEncoder) }

    func textEncoder(_ part: Part) throws -> CLIPTextModel {
        let (model, weights) = try declaredTextEncoder(part)
        try load(part, from: weights, into: model.parameters)
        return model
    }

    private func declaredTextEncoder(_ part: Part) throws -> (CLIPTextModel, WeightFiles) {
        let configuration = try textEncoderConfiguration(part)
        let weights = try layout.weights(part)
        try weights.check(layers: configuration.layers)
        return (CLIPTextModel(configuration, in: ParameterSet().scope), weights)
    }

    /// A text encoder without a check for non-finite weights, so that only the weights in use are read from the file.
    func uncheckedTextEncoder(_ part: Part) throws -> CLIPTextModel {
        let (model, weights) = try declaredTextEncoder(part)
        try model.parameters.load(unchecked: weights)
        return model
    }

    /// The encoder of prompts, which loads the text encoder or both of them when it encodes.
    ///
    /// - Parameters:
    ///   - encoding: options for skipped layers, long prompts and prompt weights.
    ///   - inversions: textual inversions to add.
    ///
    /// Throws ``ModelError`` for files that are missing, malformed or contradict each other, options out of range, and inversions that do not
    /// fit.
    public func promptEncoder(
        _ encoding: PromptEncoding = PromptEncoding(), inversions: [TextualInversion] = []
    ) throws -> any TextEncoder {
        if hasTwoTextEncoders {
            var encoder = try CLIPTextEncoderPair(self)
            encoder.encoding = encoding
            try encoder.check()
            guard inversions.isEmpty else {
                throw ModelError.invalidArgument(
                    operation: "ModelFiles.promptEncoder", argument: "inversions",
                    expected: "none, because those for Stable Diffusion XL are not supported",
                    found: "\(inversions.count)")
            }
            return encoder
        }
        var encoder = try CLIPTextEncoder(self)
        encoder.encoding = encoding
        try encoder.check()
        for inversion in inversions { try encoder.add(inversion) }
        return encoder
    }

    private func load(_ part: Part, from weights: WeightFiles, into parameters: ParameterSet) throws {
        var state = LoadingProgress(network: part.rawValue, loadedBytes: 0, totalBytes: weights.byteCount)
        try parameters.load(from: weights, as: self.weights) { bytes in
            state.loadedBytes += bytes
            progress?(state)
        }
    }
}
