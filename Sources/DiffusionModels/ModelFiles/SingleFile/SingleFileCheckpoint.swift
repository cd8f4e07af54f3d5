import Foundation
import Tensor

/// A whole model in one safetensors file, in the layout of CompVis's latent-diffusion code or of Stability AI's generative-models, which
/// differ in the names of the text encoders. Stable Diffusion 1.x, 2.x and XL and most models derived from them are published in it.
struct SingleFileCheckpoint: CheckpointLayout {
    let url: URL
    private let file: SafetensorsFile
    private let networks: [ModelFiles.Part: Network]
    private let predictionType: PredictionType
    /// Whether the prediction type is assumed from the family, because neither the caller nor the file specifies it.
    let assumesPredictionType: Bool

    /// Whether the denoising network's weights are moving averages (EMA), because the file has no others.
    let readsAverages: Bool

    private struct Network {
        let prefix: String
        let description: any SingleFileNetwork
        /// Maps a key of the file to a key within the network; nil when it is not this network's.
        let local: @Sendable (String) -> String?

        init(_ description: any SingleFileNetwork, prefix: String) {
            self.init(description, prefix: prefix) { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
        }

        init(
            _ description: any SingleFileNetwork, prefix: String, local: @escaping @Sendable (String) -> String?
        ) {
            (self.description, self.prefix, self.local) = (description, prefix, local)
        }

        /// Maps a key of the file to this library's names, nil when it is not this network's.
        func names(for key: String) -> [String]? { local(key).flatMap(description.names) }
    }

    static let unetPrefix = "model.diffusion_model."
    static let autoencoderPrefix = "first_stage_model."
    static let clipPrefix = "cond_stage_model.transformer."
    static let openCLIPPrefix = "cond_stage_model.model."
    static let firstPrefix = "conditioner.embedders.0.transformer."
    static let secondPrefix = "conditioner.embedders.1.model."

    /// Throws ``ModelError`` if the file is another kind of model or has an unknown tensor, and `SafetensorsError`.
    init(_ url: URL, predictionType: PredictionType?, storage: FileStorage) throws {
        self.url = url
        file = try SafetensorsFile(contentsOf: url, storage: storage)
        let kind = CheckpointKind(tensors: file.names)
        guard [.stableDiffusion1, .stableDiffusion2, .stableDiffusionXL].contains(kind) else {
            throw ModelError.otherModel(path: url.path, kind: kind)
        }
        let (isXL, isOpenCLIP) = (kind == .stableDiffusionXL, kind == .stableDiffusion2)
        if isXL, !file.names.contains(where: { $0.hasPrefix(Self.secondPrefix) }) {
            throw ModelError.unreadableFile(
                path: url.path,
                reason:
                    "expected both text encoders of Stable Diffusion XL, found no \(Self.secondPrefix)…; its refiner is not supported"
            )
        }
        let textPrefix = isXL ? Self.firstPrefix : isOpenCLIP ? Self.openCLIPPrefix : Self.clipPrefix
        let text = PrefixedTensors(file, prefix: textPrefix)
        let textEncoder: any SingleFileNetwork =
            isOpenCLIP ? try OpenCLIPKeys(text) : try TransformersCLIPKeys(text)
        let second = isXL ? try OpenCLIPKeys(PrefixedTensors(file, prefix: Self.secondPrefix), isWhole: true) : nil
        let described = predictionType ?? PredictionType(modelSpecification: file.metadata)
        assumesPredictionType = described == nil
        // Published students of the second family, such as SD-Turbo, predict ε.
        let assumed = isOpenCLIP && RecognizedStudent(at: url) == nil ? PredictionType.velocity : .epsilon
        self.predictionType = described ?? assumed
        readsAverages = !file.names.contains { $0.hasPrefix(Self.unetPrefix) }
        let unet =
            readsAverages
            ? PrefixedTensors(file, prefix: Self.unetPrefix, naming: AveragedNames.original)
            : PrefixedTensors(file, prefix: Self.unetPrefix)
        let network = try LatentDiffusionUNet(
            unet, heads: isOpenCLIP || isXL ? .ofWidth(64) : .count(8),
            latentSide: isXL ? 128 : isOpenCLIP && self.predictionType == .velocity ? 96 : 64,
            pooledWidth: second?.pooledWidth)
        var networks: [ModelFiles.Part: Network] = [
            .unet: readsAverages
                ? Network(network, prefix: Self.unetPrefix, local: AveragedNames.original)
                : Network(network, prefix: Self.unetPrefix),
            .textEncoder: Network(textEncoder, prefix: textPrefix),
        ]
        if let second { networks[.textEncoder2] = Network(second, prefix: Self.secondPrefix) }
        let prefix = Self.autoencoderPrefix
        if file.names.contains(where: { $0.hasPrefix(prefix) && !Self.isIgnored($0) }) {
            let tensors = PrefixedTensors(file, prefix: prefix)
            networks[.vae] = Network(
                isXL
                    ? try LatentDiffusionAutoencoder(tensors, scalingFactor: 0.13025, side: 1024)
                    : try LatentDiffusionAutoencoder(tensors), prefix: prefix)
        }
        self.networks = networks
        let strangers = file.names.filter { !isKnown($0) }
        guard strangers.isEmpty else {
            throw ModelError.weightMismatch(path: url.path, mismatch: .init(unexpected: strangers))
        }
    }

    var hasAutoencoder: Bool { networks[.vae] != nil }

    var parts: [ModelFiles.Part] {
        ModelFiles.Part.common + (networks[.textEncoder2] == nil ? [] : ModelFiles.Part.second)
    }

    var zeroesEmptyPrompt: Bool { networks[.textEncoder2] != nil }

    var statesSchedule: Bool { false }

    /// A phrase on the file's moving averages; nil if it has none.
    var averagesDescription: String? {
        if readsAverages { return "moving averages (EMA), since the file has no other weights" }
        let hasAverages = file.names.contains { $0.hasPrefix(AveragedNames.prefix) }
        return hasAverages ? "the file's moving averages (EMA) are ignored" : nil
    }

    func fields(_ part: ModelFiles.Part) throws -> ConfigurationFields {
        if part == .vae, networks[.vae] == nil { throw ModelError.missingAutoencoder(path: url.path) }
        if let network = networks[part] {
            return try ConfigurationFields(.object(network.description.fields), file: url.path)
        }
        var schedule = NoiseSchedule.Configuration.stableDiffusion
        schedule.predictionType = predictionType
        return try ConfigurationFields(schedule.json, file: url.path)
    }

    func weights(_ part: ModelFiles.Part) throws -> WeightFiles {
        guard let network = networks[part] else { throw ModelError.missingAutoencoder(path: url.path) }
        return try WeightFiles(
            [file], path: url.path, naming: { network.names(for: $0) ?? [] },
            isLinear: { part == .vae && AutoencoderKL.isLinear($0) },
            isTransposed: { part == .textEncoder2 && OpenCLIPKeys.isTransposed($0) })
    }

    private func isKnown(_ key: String) -> Bool {
        Self.isIgnored(key) || networks.values.contains { $0.names(for: key) != nil }
    }

    /// Whether a tensor is known and not used by any network: moving averages, the noise schedule's tables (the family's schedule is used
    /// instead), losses, optimisers' moments, and the image towers and contrastive heads of CLIP.
    private static func isIgnored(_ key: String) -> Bool {
        let prefixes = [
            "model_ema.", "alphas_cumprod", "posterior_", "first_stage_model.loss.", "first_stage_model.model_ema.",
            "loss.",
            "embedding_manager.", "cond_stage_model.transformer.vision_model.", "cond_stage_model.model.visual.",
            "optimizer", "lr_schedulers", "callbacks.", "loops.", "denoiser.",
        ]
        let names = [
            "betas", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod",
            "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "lvlb_weights", "logvar", "scale_factor",
            "global_step", "epoch", "v_pred", "ztsnr", "edm_vpred.sigma_max", "edm_vpred.sigma_min",
            "cond_stage_model.logit_scale", "cond_stage_model.text_projection",
        ]
        let isPosition =
            ["cond_stage_model.", "conditioner."].contains(where: key.hasPrefix) && key.hasSuffix("position_ids")
        return isPosition || names.contains(key) || prefixes.contains { key.hasPrefix($0) }
    }
}

extension PredictionType {
    /// The prediction type in Stability AI's metadata, nil if absent.
    fileprivate init?(modelSpecification metadata: [String: String]) {
        switch metadata["modelspec.prediction_type"] {
        case "epsilon": self = .epsilon
        case "v", "v_prediction": self = .velocity
        default: return nil
        }
    }
}
