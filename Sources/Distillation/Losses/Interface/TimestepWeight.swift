import DiffusionModels
import Foundation

/// The weight of a timestep in a loss.
public enum TimestepWeight: String, Codable, Sendable, CaseIterable {
    /// Constant 1.
    case one
    /// α_t² = ᾱ_t.
    case signal
    /// σ_t², which is 1 − ᾱ_t except in flow matching.
    case noise
    /// α_t/σ_t, which makes (ε_T − ε_F) the exact gradient of the KL divergence at t; infinite without noise, as at
    /// timestep 0 of flow matching.
    case divergence
    /// The weight with which uniformly sampled t stand for ln(σ/α) ~ N(−1.2, 1.2²), EDM's training distribution
    /// (arXiv 2206.00364); its mean over all timesteps is 1.
    case logNormal
    /// min(1 + σ_t²/α_t², 30) over its mean: errors of ε and of x₀ count alike, as in the training of teachers here except in flow matching.
    case balanced

    /// The weight of a timestep in a schedule.
    public func callAsFunction(_ timestep: Int, in schedule: NoiseSchedule) -> Double {
        switch self {
        case .one: 1
        case .signal: schedule.cumulativeAlphas[timestep]
        case .noise: schedule.noiseVariances[timestep]
        case .divergence: schedule.alpha(timestep) / schedule.sigma(timestep)
        case .logNormal: Self.logNormalDensity(timestep, in: schedule)
        case .balanced: Self.balance(timestep, in: schedule) / Self.meanBalance(of: schedule)
        }
    }

    private static func balance(_ timestep: Int, in schedule: NoiseSchedule) -> Double {
        min(1 + 1 / schedule.signalToNoiseRatio(timestep), 30)
    }

    private static func meanBalance(of schedule: NoiseSchedule) -> Double {
        let count = schedule.timestepCount
        return (0..<count).reduce(0) { $0 + balance($1, in: schedule) } / Double(count)
    }

    /// The distribution's probability mass of the noise levels nearer to this timestep than to its neighbours, times the number
    /// of timesteps.
    private static func logNormalDensity(_ timestep: Int, in schedule: NoiseSchedule) -> Double {
        func level(_ t: Int) -> Double { -0.5 * log(schedule.signalToNoiseRatio(t)) }
        func share(below level: Double) -> Double { 0.5 * erfc(-(level + 1.2) / (1.2 * 2.0.squareRoot())) }
        let last = schedule.timestepCount - 1
        let low = timestep == 0 ? 0 : share(below: (level(timestep - 1) + level(timestep)) / 2)
        let high = timestep == last ? 1 : share(below: (level(timestep) + level(timestep + 1)) / 2)
        return (high - low) * Double(schedule.timestepCount)
    }
}
