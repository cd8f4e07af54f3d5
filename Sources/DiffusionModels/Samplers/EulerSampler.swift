import Foundation
import Tensor

/// Euler's method on the probability-flow ODE.
///
/// Algorithm 1 of arXiv 2206.00364, at first order and without churn. diffusers' `EulerDiscreteScheduler`.
package struct EulerSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "euler"
    /// The name of diffusers' scheduler class.
    package static let className = "EulerDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging([
            "interpolation_type": "linear", "sigma_min": nil, "sigma_max": nil, "timestep_spacing": "linspace",
            "timestep_type": "discrete", "steps_offset": 0, "rescale_betas_zero_snr": false,
            "final_sigmas_type": "zero",
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let passesLogRatio: Bool
    private var levels: [SignalLevel] = []
    private var stepCount = 0

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration, keepsSignal: true)
        let type = try settings.name("timestep_type", of: ["discrete", "continuous"])
        passesLogRatio = type == "continuous" && settings.configuration.predictionType == .velocity
    }

    /// Starts a sampling at timesteps that may be fractional. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(continuous: settings, table, steps: steps)
        var points = grid.points
        (levels, stepCount) = (grid.levels, points.count)
        if passesLogRatio {
            points = points.map {
                SamplingPoint(timestep: Double(0.25 * Float(log(Float($0.level.ratio)))), level: $0.level)
            }
        }
        return SamplingPlan(points, noiseScale: settings.noiseScale(at: levels[0]))
    }

    /// Keeps ε and lowers the noise-to-signal ratio. As in diffusers, the last step adds any remaining noise to an unscaled x₀.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let next = levels[index + 1]
        guard index + 1 == stepCount else { return next.noisy(prediction.original, noise: prediction.epsilon) }
        return .combination((1, prediction.original), (next.ratio, prediction.epsilon))
    }
}

extension SchedulerSettings {
    /// The scale of the starting noise in the first latents: Euler's method and related ones start from noise of the first level's σ alone,
    /// without its small signal, except with leading timesteps.
    func noiseScale(at first: SignalLevel) -> Double {
        configuration.timestepSpacing == .leading ? 1 : first.sigma
    }
}
