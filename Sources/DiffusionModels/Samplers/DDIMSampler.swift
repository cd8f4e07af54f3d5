import Tensor

/// Denoising diffusion implicit models.
///
/// Formulas 12 and 16 of arXiv 2010.02502, whose α is ᾱ here. η scales the noise that each step adds: 0 is deterministic, 1 is DDPM.
/// diffusers' `DDIMScheduler`.
package struct DDIMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "ddim"
    /// The name of diffusers' scheduler class.
    package static let className = "DDIMScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging([
            "clip_sample": true, "clip_sample_range": 1.0, "set_alpha_to_one": true, "steps_offset": 0,
            "timestep_spacing": "leading", "rescale_betas_zero_snr": false, "eta": nil,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let eta: Double
    private var stride = 1

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: true)
        eta = settings.eta ?? 0
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        stride = table.ratios.count / steps
        let timesteps = settings.configuration.timestepSpacing.timesteps(
            steps: steps, of: table.ratios.count, offset: settings.configuration.stepsOffset)
        return SamplingPlan(timesteps.map { SamplingPoint(timestep: $0, level: table.level(at: Int($0))) })
    }

    /// A step down by one stride, `timestepCount / steps`, whatever the spacing.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let previous = Int(prediction.point.timestep) - stride
        let end: SignalLevel = settings.configuration.endsAtOne ? .clean : table.level(at: 0)
        let there = previous >= 0 ? table.level(at: previous) : end
        let here = prediction.point.level
        let (now, next) = (here.alpha * here.alpha, there.alpha * there.alpha)
        let variance = max(eta * eta * (1 - next) / (1 - now) * (1 - now / next), 0)
        let original = prediction.original
        var latents = Tensor.combination(
            (there.alpha, limit?.apply(to: original) ?? original),
            (max(1 - next - variance, 0).squareRoot(), prediction.epsilon))
        if eta > 0 { latents += noise.next(like: latents) * Float(variance.squareRoot()) }
        return latents
    }
}
