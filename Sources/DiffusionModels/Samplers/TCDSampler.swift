import Foundation
import Tensor

/// Trajectory consistency distillation: each step jumps below the next timestep and noises back up to it, γ being the share of new noise
/// (arXiv 2402.19159, Algorithm 4). diffusers' `TCDScheduler`, whose pipelines take γ = 0 unless `eta` says otherwise.
public struct TCDSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    public static let name = "tcd"
    /// diffusers' name of the scheduler.
    public static let className = "TCDScheduler"
    /// The fields of the scheduler's configuration that are followed.
    public static let parameters = SchedulerParameters(
        LCMSampler.parameters.defaults.merging(["eta": nil]) { $1 })

    /// The scheduler's settings.
    public let settings: SchedulerSettings
    private let table: SamplingTable
    private let originalSteps: Int
    private let eta: Double
    private var points: [SamplingPoint] = []

    /// TCD with these settings. Throws ``ModelError`` for settings that it cannot follow, such as more original steps than timesteps.
    public init(_ settings: SchedulerSettings) throws {
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

    /// Begins with timesteps of the schedule's original steps. Throws ``ModelError`` for more steps than those.
    public mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps, in: 1...originalSteps)
        points = settings.distilledTimesteps(steps: steps, of: originalSteps).map {
            SamplingPoint(timestep: Double($0), level: table.level(at: $0))
        }
        return SamplingPlan(points)
    }

    /// Down to (1 − γ) of the next timestep by x₀ and ε, then up to it by noise.
    public mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
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
