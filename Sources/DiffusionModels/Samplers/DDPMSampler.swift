import Tensor

/// Ancestral sampling.
///
/// Formula 7 of arXiv 2006.11239, with the step's own α and β. diffusers' `DDPMScheduler`.
public struct DDPMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    public static let name = "ddpm"
    /// diffusers' name of the scheduler.
    public static let className = "DDPMScheduler"
    /// The fields of the scheduler's configuration that are followed.
    public static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging([
            "variance_type": "fixed_small", "clip_sample": true, "clip_sample_range": 1.0, "steps_offset": 0,
            "timestep_spacing": "leading", "rescale_betas_zero_snr": false,
        ]) { $1 })

    /// The scheduler's settings.
    public let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let addsPosteriorVariance: Bool
    private var points: [SamplingPoint] = []

    /// DDPM with these settings. Throws ``ModelError`` for settings that it cannot follow, such as a learned variance.
    public init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: true)
        // The two "small" ones are the same number, once by its logarithm.
        let variance = try settings.name("variance_type", of: ["fixed_small", "fixed_small_log", "fixed_large"])
        addsPosteriorVariance = variance != "fixed_large"
    }

    /// Begins with whole timesteps. Throws ``ModelError`` for more steps than timesteps.
    public mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let timesteps = settings.configuration.timestepSpacing.timesteps(
            steps: steps, of: table.ratios.count, offset: settings.configuration.stepsOffset)
        points = timesteps.map { SamplingPoint(timestep: $0, level: table.level(at: Int($0))) }
        return SamplingPlan(points)
    }

    /// The mean of the posterior, and noise but at timestep 0.
    public mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
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
