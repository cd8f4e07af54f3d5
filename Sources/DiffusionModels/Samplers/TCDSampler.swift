import Foundation
import Tensor

/// The sampler of trajectory consistency distillation: each step moves below the next timestep and noises back up to it; γ controls how far
/// (arXiv 2402.19159, Algorithm 4). diffusers' `TCDScheduler`; as in its pipelines, γ is `eta`, 0 by default.
package struct TCDSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "tcd"
    /// The name of diffusers' scheduler class.
    package static let className = "TCDScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        LCMSampler.parameters.defaults.merging(["eta": nil]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let originalSteps: Int
    private let eta: Double
    private var points: [SamplingPoint] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings, such as more original steps than timesteps.
    package init(_ settings: SchedulerSettings) throws {
        var settings = settings
        table = SamplingTable(settings.configuration)
        originalSteps = try settings.originalSteps()
        eta = settings.eta ?? 0
        settings.ignore("timestep_spacing", unless: "leading", because: "\(Self.className) has timesteps of its own")
        for name in ["clip_sample", "thresholding"] {
            settings.ignore(name, unless: false, because: "\(Self.className) does not bound x₀")
        }
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

    /// Moves down to (1 − γ) times the next timestep with x₀ and ε, then adds noise up to that timestep.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let isLast = index + 1 == points.count
        let next = isLast ? 0 : Int(points[index + 1].timestep)
        let below = table.level(at: Int((Float(1 - eta) * Float(next)).rounded(.down)))
        let latents = below.noisy(prediction.original, noise: prediction.epsilon)
        if eta == 0 || isLast { return latents }
        let share = table.cumulativeAlphas[next] / (below.alpha * below.alpha)
        return .combination(
            (share.squareRoot(), latents), (max(1 - share, 0).squareRoot(), noise.next(like: latents)))
    }
}
