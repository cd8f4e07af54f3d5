import Tensor

/// Ancestral sampling.
///
/// Formula 7 of arXiv 2006.11239, with α and β of the step between two of its timesteps. diffusers' `DDPMScheduler`.
package struct DDPMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "ddpm"
    /// The name of diffusers' scheduler class.
    package static let className = "DDPMScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging([
            "variance_type": "fixed_small", "clip_sample": true, "clip_sample_range": 1.0, "steps_offset": 0,
            "timestep_spacing": "leading", "rescale_betas_zero_snr": false,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let addsPosteriorVariance: Bool
    private var points: [SamplingPoint] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings, such as a learned variance.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: true)
        // The two "small" types are the same variance; one is computed from its logarithm.
        let variance = try settings.name("variance_type", of: ["fixed_small", "fixed_small_log", "fixed_large"])
        addsPosteriorVariance = variance != "fixed_large"
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let timesteps = settings.configuration.timestepSpacing.timesteps(
            steps: steps, of: table.ratios.count, offset: settings.configuration.stepsOffset)
        points = timesteps.map { SamplingPoint(timestep: $0, level: table.level(at: Int($0))) }
        return SamplingPlan(points)
    }

    /// The posterior mean, plus noise except at timestep 0.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let next: SignalLevel = index + 1 < points.count ? points[index + 1].level : .clean
        let (now, then) = (square(prediction.point.level.alpha), square(next.alpha))
        let alpha = now / then
        let beta = 1 - alpha
        let original = prediction.original
        var latents = Tensor.combination(
            (then.squareRoot() * beta / (1 - now), limit?.apply(to: original) ?? original),
            (alpha.squareRoot() * (1 - then) / (1 - now), prediction.latents))
        guard prediction.point.timestep > 0 else { return latents }
        let variance = addsPosteriorVariance ? max((1 - then) / (1 - now) * beta, 1e-20) : beta
        latents += noise.next(like: latents) * Float(variance.squareRoot())
        return latents
    }

    private func square(_ x: Double) -> Double { x * x }
}
