import Foundation
import Tensor

extension TextToImageModel {
    /// The steps towards a prompt's picture, pulled one by one; ``pictures(from:)`` turns any step's latents or x₀
    /// into pictures. See ``samples(for:steps:guidanceScale:seed:negativePrompt:method:start:embeddings:)``.
    public func samples(
        for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64, negativePrompt: String = "",
        method: SamplingMethod = .ddim()
    ) throws -> DiffusionSampler {
        try samples(
            for: [prompt], steps: steps, guidanceScale: guidanceScale, seed: seed, negativePrompt: negativePrompt,
            method: method)
    }

    /// The steps towards a picture of each prompt, all in one batch.
    ///
    /// - Parameters:
    ///   - prompts: what the pictures show.
    ///   - steps: how many steps, from 1 to the schedule's timesteps.
    ///   - guidanceScale: of classifier-free guidance away from `negativePrompt`; 1 is none.
    ///   - seed: of the first picture's noise, the next have `seed + 1`, …; means the same as in diffusers.
    ///   - negativePrompt: what the pictures are guided away from.
    ///   - method: how a step is made.
    ///   - start: what the pictures are made from, if not the seeds' noise.
    ///   - embeddings: where the prompts' embeddings are taken from; nil to load the text encoder for them.
    ///
    /// Throws ``ModelError`` for a one-step student, an argument out of range, or prompts that `embeddings` lack.
    public func samples(
        for prompts: [String], steps: Int, guidanceScale: Double, seed: UInt64, negativePrompt: String = "",
        method: SamplingMethod = .ddim(), start: SamplingStart = .noise(), embeddings: PromptEmbeddings? = nil
    ) throws -> DiffusionSampler {
        let operation = "samples(for:steps:guidanceScale:seed:)"
        try check(.steps(steps, guidanceScale: guidanceScale, method: method), operation: operation)
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: operation, argument: "prompts", expected: "at least one", found: "none")
        }
        if case .picture(_, let strength) = start, !(strength > 0 && strength <= 1) {
            throw ModelError.invalidArgument(
                operation: operation, argument: "strength", expected: "above 0 and at most 1", found: "\(strength)")
        }
        let isGuided = guidanceScale != 1
        let text = try conditions(for: prompts + (isGuided ? [negativePrompt] : []), in: embeddings)
        let condition = text.sliced(axis: 0, 0..<prompts.count)
        let guidance =
            isGuided
            ? Guidance(
                scale: guidanceScale, unconditional: text.sliced(axis: 0, prompts.count..<prompts.count + 1)) : nil
        let (latents, noise) = try self.start(start, count: prompts.count, seed: seed)
        if case .picture(_, let strength) = start {
            return DiffusionSampler(
                method, network: unet, schedule: schedule, condition: condition, guidance: guidance, steps: steps,
                original: latents, strength: strength, noise: noise)
        }
        return DiffusionSampler(
            method, network: unet, schedule: schedule, condition: condition, guidance: guidance, steps: steps,
            latents: latents, noise: noise)
    }

    /// Throws ``ModelError`` unless the model can be sampled so.
    func check(_ sampling: PictureSampling, operation: String) throws {
        func check(_ isValid: Bool, _ argument: String, expected: String, found: String) throws {
            if isValid { return }
            throw ModelError.invalidArgument(
                operation: operation, argument: argument, expected: expected, found: found)
        }
        switch sampling {
        case .oneStep:
            if oneStep == nil { throw ModelError.notOneStepModel(path: checkpoint.url.path) }
        case .steps(let steps, let guidanceScale, _, let method):
            if oneStep != nil { throw ModelError.notMultiStepModel(path: checkpoint.url.path) }
            let count = method.largestStepCount(on: schedule)
            try check((1...count).contains(steps), "steps", expected: "1 to \(count)", found: "\(steps)")
            try check(guidanceScale.isFinite, "guidanceScale", expected: "a finite number", found: "\(guidanceScale)")
            if case .ddim(let eta) = method {
                try check((0...1).contains(eta), "eta", expected: "0 to 1", found: "\(eta)")
            }
        }
    }

    /// The picture at the end of ``samples(for:steps:guidanceScale:seed:negativePrompt:method:)``. Throws
    /// as that does.
    public func picture(for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64) throws -> Picture {
        let sampler = try samples(for: prompt, steps: steps, guidanceScale: guidanceScale, seed: seed)
        let last = sampler.reduce(nil) { $1 as DenoisingStep? }
        guard let last else { preconditionFailure("TextToImageModel.picture: the sampler made no step") }
        return try pictures(from: last.latents)[0]
    }
}
