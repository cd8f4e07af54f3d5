import Tensor

/// Heun's method on the probability-flow equation: each step but the last evaluates the network again where it ends.
///
/// Algorithm 1 of arXiv 2206.00364, without churn. diffusers' `HeunDiscreteScheduler`.
public struct HeunSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    public static let name = "heun"
    /// diffusers' name of the scheduler.
    public static let className = "HeunDiscreteScheduler"
    /// The fields of the scheduler's configuration that are followed.
    public static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging([
            "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": false, "clip_sample_range": 1.0,
            "timestep_spacing": "linspace", "steps_offset": 0,
        ]) { $1 })

    /// The scheduler's settings.
    public let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private var levels: [SignalLevel] = []
    /// Where the step began, and its first slope.
    private var beginning: (latents: Tensor, slope: Tensor)?

    /// Heun's method with these settings. Throws ``ModelError`` for settings that it cannot follow.
    public init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: false, clips: true)
    }

    /// Begins between whole timesteps, two evaluations a step. Throws ``ModelError`` for more steps than timesteps.
    public mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps)
        (levels, beginning) = (grid.levels, nil)
        let points = grid.points
        return SamplingPlan(
            points.prefix(1) + points.dropFirst().flatMap { [$0, $0] }, evaluationsPerStep: 2,
            noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// To the next level by the slope there, then again by the mean of both slopes.
    public mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
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
