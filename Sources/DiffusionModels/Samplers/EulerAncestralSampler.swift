import Tensor

/// Euler's method with ancestral noise: `sample_euler_ancestral` of k-diffusion. diffusers' `EulerAncestralDiscreteScheduler`.
package struct EulerAncestralSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "euler-ancestral"
    /// The name of diffusers' scheduler class.
    package static let className = "EulerAncestralDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters([
        "timestep_spacing": "linspace", "steps_offset": 0, "rescale_betas_zero_snr": false,
    ])

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private var levels: [SignalLevel] = []

    /// Creates the sampler with these settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration, keepsSignal: true)
    }

    /// Starts a sampling at timesteps that may be fractional. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps)
        levels = grid.levels
        return SamplingPlan(grid.points, noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// Moves the noise-to-signal ratio down to √(s′² − s_up²), then adds noise of s_up.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let next = levels[index + 1]
        let split = AncestralSplit(from: levels[index].ratio, to: next.ratio)
        var latents = Tensor.combination(
            (next.alpha, prediction.original), (next.alpha * split.down, prediction.epsilon))
        latents += noise.next(like: latents) * Float(next.alpha * split.up)
        return latents
    }
}

/// The split of the noise s′ at the end of an ancestral step: s′² = down² + up², where `up` is newly added noise.
struct AncestralSplit {
    let down: Double
    let up: Double

    init(from here: Double, to there: Double) {
        up = here > 0 ? (there * there * max(here * here - there * there, 0)).squareRoot() / here : 0
        down = max(there * there - up * up, 0).squareRoot()
    }
}
