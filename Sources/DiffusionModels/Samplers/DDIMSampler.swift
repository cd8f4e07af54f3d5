import Tensor

/// Denoising diffusion implicit models (arXiv 2010.02502): a sequence of steps that the caller pulls.
///
/// Steps, rounding of timesteps and the last step are those of diffusers' `DDIMScheduler`. A copy samples on by itself.
public struct DDIMSampler: Sequence, IteratorProtocol {
    private let denoiser: Denoiser
    private let timesteps: [Int]
    private let eta: Double
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
    ///   - eta: how much of the variance of DDPM each step adds anew: 0 is deterministic.
    ///   - noise: where that noise comes from, one stream a picture; unused at eta 0.
    public init(
        network: any NoisePredictor, schedule: NoiseSchedule, condition: Tensor, guidance: Guidance? = nil, steps: Int,
        latents: Tensor, eta: Double = 0, noise: LatentNoise = LatentNoise(streams: [])
    ) {
        precondition((0...1).contains(eta), "DDIMSampler: expected eta from 0 to 1, found \(eta)")
        denoiser = Denoiser(network: network, schedule: schedule, condition: condition, guidance: guidance)
        timesteps = schedule.timesteps(steps: steps)
        self.latents = latents
        self.eta = eta
        self.noise = noise
    }

    /// Makes one step; nil after the last.
    public mutating func next() -> DenoisingStep? {
        guard index < timesteps.count else { return nil }
        defer { index += 1 }
        let timestep = timesteps[index]
        let (original, epsilon) = denoiser.predict(latents, at: timestep)
        let schedule = denoiser.schedule
        let now = schedule.cumulativeAlphas[timestep]
        let previous = timestep - schedule.timestepCount / timesteps.count
        let end = schedule.configuration.endsAtOne ? 1 : schedule.cumulativeAlphas[0]
        let next = previous >= 0 ? schedule.cumulativeAlphas[previous] : end

        // Formulas 12 and 16 of the paper; the paper's α is ᾱ here.
        let variance = eta * eta * (1 - next) / (1 - now) * (1 - now / next)
        let direction = Swift.max(1 - next - variance, 0).squareRoot()
        latents = original * Float(next.squareRoot()) + epsilon * Float(direction)
        if eta > 0 { latents += noise.next(like: latents) * Float(Swift.max(variance, 0).squareRoot()) }
        return DenoisingStep(
            index: index, total: timesteps.count, timestep: timestep, latents: latents, predictedOriginal: original)
    }

    /// The steps still to come.
    public var underestimatedCount: Int { timesteps.count - index }
}
