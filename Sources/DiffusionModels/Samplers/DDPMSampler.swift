import Tensor

/// Ancestral sampling of denoising diffusion models (arXiv 2006.11239): a sequence of steps that the caller pulls.
///
/// Steps, rounding of timesteps and the last step are those of diffusers' `DDPMScheduler`. A copy samples on by itself.
public struct DDPMSampler: Sequence, IteratorProtocol {
    private let denoiser: Denoiser
    private let timesteps: [Int]
    private var latents: Tensor
    private var noise: LatentNoise
    private var index = 0

    /// - Parameters:
    ///   - network: predicts in the schedule's prediction type.
    ///   - schedule: the network's noise schedule.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    ///   - guidance: classifier-free guidance; nil for none.
    ///   - steps: how many steps, at most the schedule's timesteps.
    ///   - latents: the starting noise, `[batch, height, width, channels]`.
    ///   - noise: where the noise of each step comes from, one stream a picture.
    public init(
        network: any NoisePredictor, schedule: NoiseSchedule, condition: Tensor, guidance: Guidance? = nil, steps: Int,
        latents: Tensor, noise: LatentNoise
    ) {
        denoiser = Denoiser(network: network, schedule: schedule, condition: condition, guidance: guidance)
        timesteps = schedule.timesteps(steps: steps)
        self.latents = latents
        self.noise = noise
    }

    /// Makes one step; nil after the last.
    public mutating func next() -> DenoisingStep? {
        guard index < timesteps.count else { return nil }
        defer { index += 1 }
        let timestep = timesteps[index]
        let original = denoiser.predict(latents, at: timestep).original
        let schedule = denoiser.schedule
        let now = schedule.cumulativeAlphas[timestep]
        let next = index + 1 < timesteps.count ? schedule.cumulativeAlphas[timesteps[index + 1]] : 1

        // Formula 7 of the paper, with the step's own α and β.
        let alpha = now / next
        let beta = 1 - alpha
        let fromOriginal = next.squareRoot() * beta / (1 - now)
        let fromLatents = alpha.squareRoot() * (1 - next) / (1 - now)
        latents = original * Float(fromOriginal) + latents * Float(fromLatents)
        if timestep > 0 {
            let posterior = Swift.max((1 - next) / (1 - now) * beta, 1e-20)
            let variance = schedule.configuration.variance == .posterior ? posterior : beta
            latents += noise.next(like: latents) * Float(variance.squareRoot())
        }
        return DenoisingStep(
            index: index, total: timesteps.count, timestep: timestep, latents: latents, predictedOriginal: original)
    }

    /// The steps still to come.
    public var underestimatedCount: Int { timesteps.count - index }
}
