import Foundation
import Tensor

extension TextToImageModel {
    /// The steps towards a prompt's picture, pulled one by one; ``pictures(from:)`` turns any step's latents or x₀
    /// into pictures.
    ///
    /// - Parameters:
    ///   - prompt: what the picture shows.
    ///   - steps: how many steps, from 1 to the schedule's timesteps.
    ///   - guidanceScale: of classifier-free guidance away from `negativePrompt`; 1 is none.
    ///   - seed: of the starting noise; means the same as in diffusers.
    ///   - negativePrompt: what the picture is guided away from.
    ///   - method: how a step is made.
    ///
    /// Throws ``ModelError`` for a one-step student or an argument out of range.
    public func samples(
        for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64, negativePrompt: String = "",
        method: SamplingMethod = .ddim()
    ) throws -> DiffusionSampler {
        try samples(
            for: [prompt], steps: steps, guidanceScale: guidanceScale, seed: seed, negativePrompt: negativePrompt,
            method: method)
    }

    /// The steps towards a picture of each prompt, all in one batch, from the seeds `seed`, `seed + 1`, …. See
    /// ``samples(for:steps:guidanceScale:seed:negativePrompt:method:)-(String,_,_,_,_,_)``.
    public func samples(
        for prompts: [String], steps: Int, guidanceScale: Double, seed: UInt64, negativePrompt: String = "",
        method: SamplingMethod = .ddim()
    ) throws -> DiffusionSampler {
        if oneStep != nil { throw ModelError.notMultiStepModel(path: directory.url.path) }
        func check(_ isValid: Bool, _ argument: String, expected: String, found: String) throws {
            if isValid { return }
            throw ModelError.invalidArgument(
                operation: "samples(for:steps:guidanceScale:seed:)", argument: argument, expected: expected,
                found: found)
        }
        try check(!prompts.isEmpty, "prompts", expected: "at least one", found: "none")
        let count = method.largestStepCount(on: schedule)
        try check((1...count).contains(steps), "steps", expected: "1 to \(count)", found: "\(steps)")
        try check(guidanceScale.isFinite, "guidanceScale", expected: "a finite number", found: "\(guidanceScale)")
        if case .ddim(let eta) = method {
            try check((0...1).contains(eta), "eta", expected: "0 to 1", found: "\(eta)")
        }

        let start = startingLatents(count: prompts.count, seed: seed)
        let guidance =
            guidanceScale == 1
            ? nil : Guidance(scale: guidanceScale, unconditional: embeddings(for: [negativePrompt]))
        return DiffusionSampler(
            method, network: unet, schedule: schedule, condition: embeddings(for: prompts), guidance: guidance,
            steps: steps,
            latents: start.latents, noise: start.noise)
    }

    /// The picture at the end of ``samples(for:steps:guidanceScale:seed:negativePrompt:method:)-(String,_,_,_,_,_)``. Throws
    /// as that does.
    public func picture(for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64) throws -> Picture {
        let sampler = try samples(for: prompt, steps: steps, guidanceScale: guidanceScale, seed: seed)
        let last = sampler.reduce(nil) { $1 as DenoisingStep? }
        guard let last else { preconditionFailure("TextToImageModel.picture: the sampler made no step") }
        return pictures(from: last.latents)[0]
    }
}
