import Foundation
import Tensor

/// The sampler of latent consistency models: each step predicts x₀ and noises it to the next timestep (arXiv 2310.04378). diffusers'
/// `LCMScheduler`.
package struct LCMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "lcm"
    /// The name of diffusers' scheduler class.
    package static let className = "LCMScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging([
            "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "original_inference_steps": 50,
            "clip_sample": false, "clip_sample_range": 1.0, "set_alpha_to_one": true, "steps_offset": 0,
            "timestep_spacing": "leading", "timestep_scaling": 10.0, "rescale_betas_zero_snr": false,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let originalSteps: Int
    private let timestepScaling: Double
    private var points: [SamplingPoint] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings, such as more original steps than timesteps.
    package init(_ settings: SchedulerSettings) throws {
        var settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: true)
        originalSteps = try settings.originalSteps()
        timestepScaling = try settings.fields.number("timestep_scaling", default: 10, in: 1e-6...1e6)
        settings.ignore("timestep_spacing", unless: "leading", because: "\(Self.className) has timesteps of its own")
        self.settings = settings
    }

    /// Starts a sampling at some of the `original_inference_steps` timesteps. Throws ``ModelError`` for more steps than those.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps, in: 1...originalSteps)
        points = settings.distilledTimesteps(steps: steps, of: originalSteps).map {
            SamplingPoint(timestep: Double($0), level: table.level(at: $0))
        }
        return SamplingPlan(points)
    }

    /// Applies the boundary condition of the consistency function (c_skip, c_out), then noises the result to the next level.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let (deviation, scaled) = (0.5, timestepScaling * prediction.point.timestep)
        let norm = scaled * scaled + deviation * deviation
        let original = prediction.original
        let denoised = Tensor.combination(
            (scaled / norm.squareRoot(), limit?.apply(to: original) ?? original),
            (deviation * deviation / norm, prediction.latents))
        guard index + 1 < points.count else { return denoised }
        return points[index + 1].level.noisy(denoised, noise: noise.next(like: denoised))
    }
}

extension SchedulerSettings {
    /// `original_inference_steps`: the number of steps into which the distillation divided the schedule. Throws ``ModelError``.
    func originalSteps() throws -> Int {
        try fields.integer("original_inference_steps", default: 50, in: 1...timestepCount)
    }

    /// The timesteps of `steps` steps in decreasing order, a subset of those used in the distillation.
    func distilledTimesteps(steps: Int, of originalSteps: Int) -> [Int] {
        let stride = timestepCount / originalSteps
        return (0..<steps).map { index in
            let place = Int((Double(index) * (Double(originalSteps) / Double(steps))).rounded(.down))
            return (originalSteps - place) * stride - 1
        }
    }
}
