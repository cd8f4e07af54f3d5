import Foundation
import Tensor

extension TextToImageModel {
    /// Starts sampling an image of a prompt; the caller pulls the steps one by one. `pictures(from:)` decodes any step's latents or x₀.
    /// See `samples(for:_:seed:start:)`.
    public func samples(
        for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64, negativePrompt: String = "",
        sampler: (any Sampler)? = nil
    ) throws -> DiffusionSampler {
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, negativePrompt: negativePrompt, sampler: sampler)
        return try samples(for: [prompt], settings, seed: seed)
    }

    /// Starts sampling one image per prompt, all in one batch.
    ///
    /// - Parameters:
    ///   - prompts: the prompts, one per image.
    ///   - settings: how the model is sampled.
    ///   - seed: the seed of the first image's noise; the next images have `seed + 1`, …. The noise is the same as in diffusers.
    ///   - start: the starting point, by default noise from the seeds.
    ///
    /// Throws ``ModelError`` for a one-step student, an argument out of range, and an unsupported scheduler.
    public func samples(
        for prompts: [String], _ settings: SamplingSettings, seed: UInt64, start: SamplingStart = .noise()
    ) throws -> DiffusionSampler {
        let operation = "samples(for:_:seed:start:)"
        let sampler = try self.sampler(for: settings, operation: operation)
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: operation, argument: "prompts", expected: "at least one", found: "none")
        }
        if let strength = start.strength, !(strength > 0 && strength <= 1) {
            throw ModelError.invalidArgument(
                operation: operation, argument: "strength", expected: "above 0 and at most 1", found: "\(strength)")
        }
        if case .inpainting = start {} else { try checkReadsNoImage(operation: operation) }
        let text = try conditions(for: prompts + (settings.isGuided ? [settings.negativePrompt] : []))
        let condition = text.gathered(rows: Array(prompts.indices))
        let (network, guidance) = try guided(by: settings, from: text.gathered(rows: [text.count - 1]), operation)
        if case .inpainting(let picture, let mask, let strength) = start {
            var noise = LatentNoise(seed: seed, count: prompts.count)
            let inpainting = try inpainting(of: picture, mask: mask, startsFromNoise: strength == 1, using: &noise)
            return try DiffusionSampler(
                sampler, network: network, predictionType: schedule.predictionType, condition: condition,
                guidance: guidance, steps: settings.steps, inpainting: inpainting, strength: strength, noise: noise)
        }
        let (latents, noise) = try self.start(start, count: prompts.count, seed: seed)
        if case .picture(_, let strength) = start {
            return try DiffusionSampler(
                sampler, network: network, predictionType: schedule.predictionType, condition: condition,
                guidance: guidance, steps: settings.steps, original: latents, strength: strength, noise: noise)
        }
        return try DiffusionSampler(
            sampler, network: network, predictionType: schedule.predictionType, condition: condition,
            guidance: guidance,
            steps: settings.steps, latents: latents, noise: noise)
    }

    /// The sampler of settings that have been checked.
    ///
    /// Throws ``ModelError`` for a one-step student, settings out of range, an unsupported scheduler, and a number of steps that the
    /// sampler does not support.
    func sampler(for settings: SamplingSettings, operation: String) throws -> any Sampler {
        if oneStep != nil { throw ModelError.notMultiStepModel(path: name) }
        guard settings.steps >= 1 else {
            throw ModelError.invalidArgument(
                operation: operation, argument: "steps", expected: "at least 1", found: "\(settings.steps)")
        }
        try settings.check(operation: operation)
        let sampler = try settings.sampler ?? self.sampler(steps: settings.steps)
        var begun = sampler
        _ = try begun.begin(steps: settings.steps)
        return sampler
    }

    /// The final image of ``samples(for:steps:guidanceScale:seed:negativePrompt:sampler:)``. Throws
    /// as that method does.
    public func picture(for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64) throws -> Picture {
        var sampler = try samples(for: prompt, steps: steps, guidanceScale: guidanceScale, seed: seed)
        guard let last = try sampler.last() else { fatalError("TextToImageModel.picture: no step was made") }
        return try pictures(from: last.latents)[0]
    }
}

extension TextToImageModel {
    /// The network and the guidance of a sampling: a network that reads the guidance scale needs no second evaluation.
    ///
    /// Throws ``ModelError`` for a negative prompt that such a network would not read.
    func guided(
        by settings: SamplingSettings, from unconditional: TextCondition?, _ operation: String
    ) throws -> (network: any DenoisingNetwork, guidance: Guidance?) {
        guard let network = network.guided(byEmbedding: settings.guidanceScale) else {
            return (network, unconditional.flatMap(settings.guidance))
        }
        guard settings.negativePrompt.isEmpty, settings.guidanceRescale == 0 else {
            throw ModelError.invalidArgument(
                operation: operation, argument: settings.negativePrompt.isEmpty ? "guidanceRescale" : "negativePrompt",
                expected: "none, because the network reads the guidance scale and is evaluated only for the prompt",
                found: settings.negativePrompt.isEmpty ? "\(settings.guidanceRescale)" : settings.negativePrompt)
        }
        return (network, nil)
    }

    /// Throws ``ModelError`` for an inpainting network, which needs an image.
    package func checkReadsNoImage(operation: String) throws {
        guard network.conditionChannels > 0 else { return }
        throw ModelError.invalidArgument(
            operation: operation, argument: "start",
            expected: "an image and a mask (--image and --mask), which an inpainting network reads", found: "neither")
    }
}

extension SamplingStart {
    /// The fraction of the steps that are made from an image; nil without one.
    var strength: Double? {
        switch self {
        case .picture(_, let strength), .inpainting(_, _, let strength): strength
        default: nil
        }
    }
}

extension SamplingSettings {
    /// Guidance with the text embedding of the negative prompt; nil for no guidance.
    func guidance(from unconditional: TextCondition) -> Guidance? {
        isGuided ? Guidance(scale: guidanceScale, unconditional: unconditional, rescale: guidanceRescale) : nil
    }
}
