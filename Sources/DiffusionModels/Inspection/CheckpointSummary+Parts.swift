import Autograd
import Foundation
import Tensor

extension CheckpointSummary {
    /// Summarises a whole model: every part's configuration and weights, and whether it loads.
    mutating func summarizeModel(_ url: URL) {
        addStudent(at: url)
        guard let checkpoint = attempt({ try ModelFiles(contentsOf: url) }) else { return }
        let isFolder = checkpoint.layout is DiffusersFolder
        add("model", "\(url.lastPathComponent) (\(isFolder ? "diffusers folder" : "single file"))")
        let schedule = attempt { try checkpoint.schedule() }
        let unet = attempt { try UNet2DConditionModel.Configuration(checkpoint.layout.fields(.unet)) }
        let autoencoder =
            checkpoint.hasAutoencoder
            ? attempt { try AutoencoderKL.Configuration(checkpoint.layout.fields(.vae)) } : nil
        let encoders: [ModelFiles.Part] = [.textEncoder] + (checkpoint.hasTwoTextEncoders ? [.textEncoder2] : [])
        let texts = encoders.map { part in attempt { try checkpoint.textEncoderConfiguration(part) } }
        if let unet, let schedule {
            let student = checkpoint.oneStep.map { ", \($0.summary)" } ?? ""
            add("family", unet.familyName(predicting: schedule.predictionType) + student)
        }
        if let schedule { describe(schedule, of: checkpoint) }
        var total = (parameters: 0, bytes: 0)
        func addWeights(_ heading: String, _ part: ModelFiles.Part, to summary: inout CheckpointSummary) {
            guard let weights = summary.attempt({ try checkpoint.layout.weights(part) }) else { return }
            summary.add(heading, weights.sizeDescription)
            total = (total.parameters + weights.parameterCount, total.bytes + weights.byteCount)
        }
        if let unet {
            addWeights("unet", .unet, to: &self)
            if let averages = (checkpoint.layout as? SingleFileCheckpoint)?.averagesDescription { add("", averages) }
            add("", unet.sizeDescription)
            add(
                "",
                "heads \(unet.headCounts)\(unet.middleDescription), \(unet.usesLinearProjection ? "linear" : "1×1 convolution") projections"
            )
        }
        if let autoencoder {
            addWeights("vae", .vae, to: &self)
            add("", autoencoder.sizeDescription)
        } else if checkpoint.otherAutoencoder != nil {
            if attempt({ try checkpoint.tinyDecoder() }) != nil {
                add("vae", "a small autoencoder (TAESD), which decodes only")
            }
        } else if !checkpoint.hasAutoencoder {
            add("vae", "none; name the folder or file of one (--vae)")
        }
        for (part, text) in zip(encoders, texts) {
            guard let text else { continue }
            addWeights("text encoder\(part == .textEncoder2 ? " 2" : "")", part, to: &self)
            let pooled = text.hasProjection ? ", pooled width \(text.projectionWidth)" : ""
            add(
                "",
                "\(text.layers) layers, width \(text.width), heads \(text.heads), \(text.activation.rawValue)\(pooled)")
        }
        add("total", "\(millions(total.parameters)) parameters, \(bytes(total.bytes))")
        var tokenizers: [ModelFiles.Part: CLIPTokenizer] = [:]
        for part in encoders { tokenizers[part] = describeTokenizer(part.ownTokenizer, of: checkpoint) }
        if problems.isEmpty { load(checkpoint, encoders, tokenizers) }
    }

    /// Loads the described parts one by one, to find problems.
    private mutating func load(
        _ checkpoint: ModelFiles, _ encoders: [ModelFiles.Part], _ tokenizers: [ModelFiles.Part: CLIPTokenizer]
    ) {
        if checkpoint.hasAutoencoder {
            _ = attempt {
                for part in encoders {
                    if let tokenizer = tokenizers[part] { try checkpoint.checkAgreement(of: tokenizer, with: part) }
                }
                try checkpoint.checkAgreement()
            }
        }
        _ = attempt { try checkpoint.unet() }
        if checkpoint.hasAutoencoder { _ = attempt { try checkpoint.autoencoder() } }
        for part in encoders { _ = attempt { try checkpoint.textEncoder(part) } }
    }

    private mutating func describe(_ schedule: NoiseSchedule, of checkpoint: ModelFiles) {
        let configuration = schedule.configuration
        let isAssumed = (checkpoint.layout as? SingleFileCheckpoint)?.assumesPredictionType ?? false
        let rescaled = configuration.rescalesToZeroSignal ? ", zero terminal SNR" : ""
        let levels =
            schedule.isFlowMatching
            ? "flow matching, \(schedule.timestepCount) timesteps, shift \(configuration.value("shift").asNumber ?? 1)"
            : "\(configuration.betaSchedule.rawValue), \(schedule.timestepCount) timesteps, "
                + "\(configuration.timestepSpacing.rawValue) spacing\(rescaled)"
        add("schedule", "\(configuration.className): \(levels)")
        add(
            "",
            "predicts \(schedule.predictionType.rawValue)"
                + (isAssumed ? ", assumed from its family; not in the file (--prediction-type)" : ""))
    }

    private mutating func describeTokenizer(_ part: ModelFiles.Part, of checkpoint: ModelFiles) -> CLIPTokenizer? {
        let isFolder = checkpoint.layout is DiffusersFolder
        guard checkpoint.tokenizerFolder != nil || part == .tokenizer2 else {
            add("tokenizer", "none\(isFolder ? "" : ", as in all single files"); name a folder (--tokenizer)")
            return nil
        }
        if part == .tokenizer2, !isFolder, checkpoint.tokenizerFolder == nil { return nil }
        guard let tokenizer = attempt({ try checkpoint.tokenizer(part) }) else { return nil }
        add(
            "tokenizer\(part == .tokenizer2 ? " 2" : "")",
            "\(tokenizer.vocabularySize) tokens, prompts of \(tokenizer.maximumLength), padded with "
                + "\(tokenizer.paddingToken)")
        return tokenizer
    }

    /// Summarises an autoencoder without the other parts.
    mutating func summarizeAutoencoder(alone url: URL) {
        guard let files = attempt({ try AutoencoderFiles(contentsOf: url) }) else { return }
        let (kind, text): (CheckpointKind, String)
        switch files.network {
        case .full(let configuration): (kind, text) = (.autoencoder, configuration.sizeDescription)
        case .tiny(let configuration):
            let encoder = configuration.hasEncoder ? "" : ", no encoder"
            kind = .tinyAutoencoder
            text =
                "channels \(configuration.decoderChannels), blocks \(configuration.decoderBlocks) in the decoder\(encoder)"
        }
        add("kind", "\(kind.rawValue): \(kind.advice)")
        add("vae", files.weights.sizeDescription)
        add("", text + (files.isConfigurationAssumed && kind == .autoencoder ? ", assumed" : ""))
        _ = attempt { try files.decoder() }
    }

    /// Summarises weights of any other kind.
    mutating func summarize(_ kind: CheckpointKind, _ url: URL) {
        add("kind", "\(kind.rawValue): \(kind.advice)")
        guard let file = attempt({ try SafetensorsFile(contentsOf: url) }) else { return }
        guard let weights = attempt({ try WeightFiles([file], path: url.path) }) else { return }
        add("weights", weights.sizeDescription)
        _ = attempt { try weights.checkFinite { _ in } }
    }
}

func millions(_ count: Int) -> String {
    count < 100_000 ? "\(count)" : String(format: "%.2f M", Double(count) / 1e6)
}

private func bytes(_ count: Int) -> String {
    count < 1_000_000_000
        ? String(format: "%.1f MB", Double(count) / 1e6) : String(format: "%.2f GB", Double(count) / 1e9)
}

extension WeightFiles {
    fileprivate var sizeDescription: String {
        "\(millions(parameterCount)) parameters in \(storedTypes.joined(separator: ", "))"
            + (variant.map { ", variant \($0)" } ?? "")
    }
}

extension AutoencoderKL.Configuration {
    fileprivate var sizeDescription: String {
        "\(pixelsPerLatent) pixels per latent, channels \(blockChannels), scaling factor \(scalingFactor)"
    }
}

extension UNet2DConditionModel.Configuration {
    fileprivate var sizeDescription: String {
        let parts = isInpainting ? "\(outputChannels) + \(outputChannels + 1) of mask and image" : "\(inputChannels)"
        let guidance = guidanceEmbeddingWidth == nil ? "" : ", reads the guidance scale"
        let size = sampleSize.map { "\($0.height) × \($0.width)" } ?? "unnamed size"
        let texts = Set(crossAttentionWidths).sorted().map(String.init).joined(separator: ", ")
        let widths = sizeEmbeddingWidth == nil ? texts : "\(texts), pooled \(pooledWidth), size ids"
        return "latents \(parts) × \(size), channels \(blockChannels), text width \(widths)\(guidance)"
    }

    /// The middle block, if it is not the usual one.
    fileprivate var middleDescription: String {
        switch midBlockType {
        case .crossAttention: ""
        case .plain: ", one residual block in the middle"
        case nil: ", no middle block"
        }
    }

    /// The common name of the model family.
    fileprivate func familyName(predicting type: PredictionType) -> String {
        let isPublishedSize = blockChannels == [320, 640, 1280, 1280] && layersPerBlock == [2, 2, 2, 2]
        let suffix =
            switch type {
            case .epsilon, .sample: ""
            case .velocity: ", v-prediction"
            case .flow: ", flow matching"
            }
        if sizeEmbeddingWidth != nil {
            let isPublished = blockChannels == [320, 640, 1280] && crossAttentionWidths == [2048, 2048, 2048]
            let isWhole = isPublished && transformerLayers[1...] == [2, 10] && midBlockType == .crossAttention
            let size = isWhole ? "" : isPublished ? ", shortened" : ", custom size"
            return "Stable Diffusion XL\(size)\(suffix)"
        }
        switch (isPublishedSize, Set(crossAttentionWidths)) {
        case (true, [768]): return "Stable Diffusion 1.x\(suffix)"
        case (true, [1024]): return "Stable Diffusion 2.x " + (type == .velocity ? "v-prediction" : "base\(suffix)")
        default:
            let kind = usesLinearProjection ? "2" : "1"
            return "custom size of Stable Diffusion \(kind).x's kind\(suffix)"
        }
    }
}

extension OneStepConfiguration {
    /// "one-step student at timestep 999", or "student of 1 to 2 steps at timesteps 999, 499".
    var summary: String {
        let timesteps = steps.map { "\($0.timestep)" }.joined(separator: ", ")
        return laterSteps.isEmpty
            ? "one-step student at timestep \(timesteps)"
            : "student of 1 to \(steps.count) steps at timesteps \(timesteps)"
    }
}
