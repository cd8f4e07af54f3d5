import Tensor

/// Euler's method with noise added anew: `sample_euler_ancestral` of k-diffusion. diffusers' `EulerAncestralDiscreteScheduler`.
public struct EulerAncestralSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    public static let name = "euler-ancestral"
    /// diffusers' name of the scheduler.
    public static let className = "EulerAncestralDiscreteScheduler"
    /// The fields of the scheduler's configuration that are followed.
    public static let parameters = SchedulerParameters([
        "timestep_spacing": "linspace", "steps_offset": 0, "rescale_betas_zero_snr": false,
    ])

    /// The scheduler's settings.
    public let settings: SchedulerSettings
    private let table: SamplingTable
    private var levels: [SignalLevel] = []

    /// The method with these settings.
    public init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration, keepsSignal: true)
    }

    /// Begins between whole timesteps. Throws ``ModelError`` for more steps than timesteps.
    public mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps)
        levels = grid.levels
        return SamplingPlan(grid.points, noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// At unit signal: down to √(s′² − s_up²), then up by noise.
    public mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let next = levels[index + 1]
        let split = AncestralSplit(from: levels[index].ratio, to: next.ratio)
        var latents = Tensor.combination(
            (next.alpha, prediction.original), (next.alpha * split.down, prediction.epsilon))
        latents += noise.next(like: latents) * Float(next.alpha * split.up)
        return latents
    }
}

/// How an ancestral step divides the noise s′ where it ends: s′² = down² + up², of which `up` is new.
struct AncestralSplit {
    let down: Double
    let up: Double

    init(from here: Double, to there: Double) {
        up = here > 0 ? (there * there * max(here * here - there * there, 0)).squareRoot() / here : 0
        down = max(there * there - up * up, 0).squareRoot()
    }
}
