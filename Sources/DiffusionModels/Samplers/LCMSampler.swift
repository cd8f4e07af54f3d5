import Foundation
import Tensor

/// Latent consistency models: each step jumps to x₀ and noises it down to the next timestep (arXiv 2310.04378). diffusers' `LCMScheduler`.
public struct LCMSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    public static let name = "lcm"
    /// diffusers' name of the scheduler.
    public static let className = "LCMScheduler"
    /// The fields of the scheduler's configuration that are followed.
    public static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging([
            "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "original_inference_steps": 50,
            "clip_sample": false, "clip_sample_range": 1.0, "set_alpha_to_one": true, "steps_offset": 0,
            "timestep_spacing": "leading", "timestep_scaling": 10.0, "rescale_betas_zero_snr": false,
        ]) { $1 })

    /// The scheduler's settings.
    public let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let originalSteps: Int
    private let timestepScaling: Double
    private var points: [SamplingPoint] = []

    /// LCM with these settings. Throws ``ModelError`` for settings that it cannot follow, such as more original steps than timesteps.
    public init(_ settings: SchedulerSettings) throws {
        var settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: true)
        originalSteps = try settings.originalSteps()
        timestepScaling = try settings.fields.number("timestep_scaling", default: 10, in: 1e-6...1e6)
        settings.ignore("timestep_spacing", unless: "leading", because: "\(Self.className) has timesteps of its own")
        self.settings = settings
    }

    /// Begins with timesteps of the schedule's original steps. Throws ``ModelError`` for more steps than those.
    public mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps, in: 1...originalSteps)
        points = settings.distilledTimesteps(steps: steps, of: originalSteps).map {
            SamplingPoint(timestep: Double($0), level: table.level(at: $0))
        }
        return SamplingPlan(points)
    }

    /// The boundary condition of the consistency function (c_skip, c_out), then noise down to the next level.
    public mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
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
    /// `original_inference_steps`: into how many steps the distillation divided the schedule. Throws ``ModelError``.
    func originalSteps() throws -> Int {
        try fields.integer("original_inference_steps", default: 50, in: 1...timestepCount)
    }

    /// The timesteps of few steps, falling, among those of the distillation.
    func distilledTimesteps(steps: Int, of originalSteps: Int) -> [Int] {
        let stride = timestepCount / originalSteps
        return (0..<steps).map { index in
            let place = Int((Double(index) * (Double(originalSteps) / Double(steps))).rounded(.down))
            return (originalSteps - place) * stride - 1
        }
    }
}
