import DiffusionModels
import Distillation
import Foundation

/// ω(t), implemented independently of `TimestepWeight`: a contract with the library's own weights would not detect a wrong one.
func referenceWeight(_ weight: TimestepWeight, at timestep: Int, in schedule: NoiseSchedule) -> Double {
    let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
    switch weight {
    case .one: return 1
    case .signal: return alpha * alpha
    case .noise: return sigma * sigma
    case .divergence: return alpha / sigma
    case .balanced:
        // Σ_t min(1 + σ²/α², 30) / N.
        let all = (0..<schedule.timestepCount).map { min(1 + pow(schedule.sigma($0) / schedule.alpha($0), 2), 30) }
        return all[timestep] * Double(all.count) / all.reduce(0, +)
    case .logNormal:
        // The probability under N(−1.2, 1.2²) between the midpoints of neighbouring levels, by Simpson's rule,
        // times the number of timesteps.
        func level(_ t: Int) -> Double { max(log(schedule.sigma(t) / schedule.alpha(t)), -20) }
        let last = schedule.timestepCount - 1
        let low = timestep == 0 ? -20 : (level(timestep - 1) + level(timestep)) / 2
        let high = timestep == last ? 20 : (level(timestep) + level(timestep + 1)) / 2
        func density(_ x: Double) -> Double { exp(-pow((x + 1.2) / 1.2, 2) / 2) / (1.2 * (2 * Double.pi).squareRoot()) }
        let parts = 200
        let step = (high - low) / Double(parts)
        let sum = (0...parts).reduce(0.0) { sum, index in
            let factor = index == 0 || index == parts ? 1.0 : index % 2 == 1 ? 4 : 2
            return sum + factor * density(low + Double(index) * step)
        }
        return sum * step / 3 * Double(schedule.timestepCount)
    }
}
