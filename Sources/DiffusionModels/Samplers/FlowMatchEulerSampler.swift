import Tensor

/// Euler's method on the straight paths of flow matching.
///
/// Section 2.1 of arXiv 2209.03003, with the shift of noise levels of arXiv 2403.03206, section 5.3.2. diffusers'
/// `FlowMatchEulerDiscreteScheduler`.
package struct FlowMatchEulerSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "flow-match-euler"
    /// The name of diffusers' scheduler class.
    package static let className = "FlowMatchEulerDiscreteScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.ratioSpacing.merging([
            "shift": 1.0, "shift_terminal": nil, "invert_sigmas": false, "stochastic_sampling": false,
            "use_dynamic_shifting": false, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
            "max_image_seq_len": 4096, "time_shift_type": "exponential", "prediction_type": "flow_prediction",
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let shift: Double
    private var levels: [SignalLevel] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        shift = try settings.fields.number("shift", default: 1, in: Self.shifts)
    }

    private static let shifts = 1e-3...1e3

    /// Throws ``ModelError`` for fields of a scheduler's file with values that the sampler does not support.
    static func check(_ fields: ConfigurationFields) throws {
        _ = try fields.number("shift", default: 1, in: shifts)
        for name in [
            "invert_sigmas", "stochastic_sampling", "use_dynamic_shifting", "use_karras_sigmas",
            "use_exponential_sigmas", "use_beta_sigmas", "rescale_betas_zero_snr",
        ] {
            try fields.require(name, toBe: .boolean(false))
        }
        for name in ["shift_terminal", "trained_betas"] { try fields.require(name, toBe: .null) }
    }

    /// Starts a sampling at times from 1, pure noise, to that of the first timestep, evenly spaced and then shifted. Throws ``ModelError`` for
    /// more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let count = Double(settings.timestepCount)
        // As in diffusers, the last time is shifted twice.
        let last = shifted(1 / count)
        let times = (0..<steps).map { index in
            shifted(index == 0 ? 1 : 1 + (last - 1) * Double(index) / Double(steps - 1))
        }
        levels = times.map(SignalLevel.init(flowTime:)) + [.clean]
        return SamplingPlan(zip(times, levels).map { SamplingPoint(timestep: $0 * count, level: $1) })
    }

    /// A step along u to the next time; the last ends at the clean sample.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let velocity = prediction.point.level.convert(
            prediction.output, from: prediction.type, to: .flow, noisy: prediction.latents)
        return .combination(
            (1, prediction.latents), (levels[index + 1].sigma - prediction.point.level.sigma, velocity))
    }

    private func shifted(_ time: Double) -> Double { shift * time / (1 + (shift - 1) * time) }
}
