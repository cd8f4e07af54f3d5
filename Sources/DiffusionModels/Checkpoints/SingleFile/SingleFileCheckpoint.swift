import Foundation
import Tensor

/// A whole model in one safetensors file, in the layout of CompVis's latent-diffusion code, in which Stable Diffusion 1.x and 2.x were
/// published and most of their descendants are passed around.
struct SingleFileCheckpoint: CheckpointLayout {
    let url: URL
    private let file: SafetensorsFile
    private let networks: [ModelCheckpoint.Part: Network]
    private let predictionType: PredictionType
    /// Whether what the network predicts is the family's, since neither the caller nor the file says it.
    let assumesPredictionType: Bool

    private struct Network {
        let prefix: String
        let description: any SingleFileNetwork

        init(prefix: String, _ description: any SingleFileNetwork) {
            (self.prefix, self.description) = (prefix, description)
        }

        /// What a key of the file is called here, nil when it is not this network's.
        func names(for key: String) -> [String]? {
            key.hasPrefix(prefix) ? description.names(for: String(key.dropFirst(prefix.count))) : nil
        }
    }

    static let unetPrefix = "model.diffusion_model."
    static let autoencoderPrefix = "first_stage_model."
    static let clipPrefix = "cond_stage_model.transformer."
    static let openCLIPPrefix = "cond_stage_model.model."

    /// Throws ``ModelError`` if the file is another kind of model or holds a tensor that is no part of one, and `SafetensorsError`.
    init(_ url: URL, predictionType: PredictionType?) throws {
        self.url = url
        if ModelError.isPickle(url.lastPathComponent) {
            throw ModelError.pickledWeights(
                folder: url.deletingLastPathComponent().path, files: [url.lastPathComponent])
        }
        file = try SafetensorsFile(contentsOf: url)
        let kind = CheckpointKind(tensors: file.names)
        guard kind == .stableDiffusion1 || kind == .stableDiffusion2 else {
            throw ModelError.otherModel(path: url.path, kind: kind)
        }
        let isSecond = kind == .stableDiffusion2
        let described = predictionType ?? PredictionType(modelSpecification: file.metadata)
        assumesPredictionType = described == nil
        self.predictionType = described ?? (isSecond ? .velocity : .epsilon)
        let latentSide = isSecond && self.predictionType == .velocity ? 96 : 64
        let (unet, autoencoder) = (Self.unetPrefix, Self.autoencoderPrefix)
        let textPrefix = isSecond ? Self.openCLIPPrefix : Self.clipPrefix
        let text = PrefixedTensors(file, prefix: textPrefix)
        let textEncoder: any SingleFileNetwork =
            isSecond ? try OpenCLIPTextEncoder(text) : try SingleFileCLIPTextEncoder(text)
        networks = [
            .unet: Network(
                prefix: unet,
                try LatentDiffusionUNet(
                    PrefixedTensors(file, prefix: unet), heads: isSecond ? .ofWidth(64) : .count(8),
                    latentSide: latentSide)),
            .vae: Network(
                prefix: autoencoder, try LatentDiffusionAutoencoder(PrefixedTensors(file, prefix: autoencoder))),
            .textEncoder: Network(prefix: textPrefix, textEncoder),
        ]
        let strangers = file.names.filter { !isKnown($0) }
        guard strangers.isEmpty else {
            throw ModelError.weightMismatch(path: url.path, mismatch: .init(unexpected: strangers))
        }
    }

    func fields(_ part: ModelCheckpoint.Part) throws -> ConfigurationFields {
        if let network = networks[part] {
            return try ConfigurationFields(.object(network.description.fields), file: url.path)
        }
        var schedule = NoiseSchedule.Configuration.stableDiffusion
        schedule.predictionType = predictionType
        return try ConfigurationFields(schedule.json, file: url.path)
    }

    func weights(_ part: ModelCheckpoint.Part) throws -> WeightFiles {
        guard let network = networks[part] else {
            preconditionFailure("SingleFileCheckpoint: the \(part.rawValue) has no weights")
        }
        return try WeightFiles(
            [file], path: url.path, naming: { network.names(for: $0) ?? [] },
            isLinear: { part == .vae && AutoencoderKL.isLinear($0) })
    }

    private func isKnown(_ key: String) -> Bool {
        Self.isIgnored(key) || networks.values.contains { $0.names(for: key) != nil }
    }

    /// Tensors that training left in the file or that tools put there, and that no network reads: moving averages, the noise schedule's
    /// tables (which the family's schedule replaces), losses, and the contrastive heads of CLIP.
    private static func isIgnored(_ key: String) -> Bool {
        let prefixes = [
            "model_ema.", "alphas_cumprod", "posterior_", "first_stage_model.loss.", "loss.", "embedding_manager.",
            "cond_stage_model.transformer.vision_model.",
        ]
        let names = [
            "betas", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod",
            "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "lvlb_weights", "logvar", "scale_factor",
            "global_step", "v_pred", "ztsnr", "cond_stage_model.logit_scale", "cond_stage_model.text_projection",
        ]
        return names.contains(key) || prefixes.contains { key.hasPrefix($0) }
    }
}

extension PredictionType {
    /// What Stability AI's metadata says the network predicts, nil where it says nothing.
    fileprivate init?(modelSpecification metadata: [String: String]) {
        switch metadata["modelspec.prediction_type"] {
        case "epsilon": self = .epsilon
        case "v", "v_prediction": self = .velocity
        default: return nil
        }
    }
}
