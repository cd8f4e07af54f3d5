import Tensor

/// Heun's method on the probability-flow ODE: each step but the last evaluates the network a second time at its end.
///
/// Algorithm 1 of arXiv 2206.00364, without churn. diffusers' `HeunDiscreteScheduler`.
package struct HeunSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "heun"
    /// The name of diffusers' scheduler class.
    package static let className = "HeunDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging([
            "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": false, "clip_sample_range": 1.0,
            "timestep_spacing": "linspace", "steps_offset": 0,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private var levels: [SignalLevel] = []
    /// The latents at which the step began, and its first slope.
    private var beginning: (latents: Tensor, slope: Tensor)?

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: false, clips: true)
    }

    /// Starts a sampling at timesteps that may be fractional, with two evaluations per step. Throws ``ModelError`` for more steps
    /// than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps)
        (levels, beginning) = (grid.levels, nil)
        let points = grid.points
        return SamplingPlan(
            points.prefix(1) + points.dropFirst().flatMap { [$0, $0] }, evaluationsPerStep: 2,
            noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// First an Euler step to the next level; then the step is repeated with the mean of the slopes at both ends.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let (here, there) = (levels[index / 2], levels[index / 2 + 1])
        var slope = prediction.epsilon
        if let limit {
            let level = prediction.point.level
            let original = limit.apply(to: prediction.original)
            slope = level.convert(original, from: .sample, to: .epsilon, noisy: prediction.latents)
        }
        let start: Tensor
        if let (latents, first) = beginning {
            (start, slope) = (latents, .combination((0.5, first), (0.5, slope)))
            beginning = nil
        } else {
            start = prediction.latents
            beginning = (start, slope)
        }
        return .combination(
            (there.alpha / here.alpha, start), (there.alpha * (there.ratio - here.ratio), slope))
    }
}
