import Foundation
import Tensor

/// The diffusion exponential integrator sampler of orders 1 to 3, with polynomials in log(σ/α) (arXiv 2204.13902). diffusers'
/// `DEISMultistepScheduler`.
package struct DEISSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "deis"
    /// The name of diffusers' scheduler class.
    package static let className = "DEISMultistepScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging(SchedulerParameters.ratioSpacing) { $1 }.merging([
            "solver_order": 2, "algorithm_type": "deis", "solver_type": "logrho", "lower_order_final": true,
            "use_flow_sigmas": false, "flow_shift": 1.0, "timestep_spacing": "linspace", "steps_offset": 0,
            "use_dynamic_shifting": false, "time_shift_type": "exponential",
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let limit: OriginalLimit?
    private let order: Int
    private let lowersOrder: Bool
    private var levels: [SignalLevel] = []
    /// The latest predictions of ε, newest first.
    private var predictions: [Tensor] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        limit = try settings.originalLimit(thresholds: true, clips: false)
        order = try settings.fields.integer("solver_order", default: 2, in: 1...3)
        lowersOrder = try settings.fields.boolean("lower_order_final", default: true)
        _ = try settings.name("algorithm_type", of: ["deis"], others: ["dpmsolver", "dpmsolver++"])
        _ = try settings.name("solver_type", of: ["logrho"], others: ["midpoint", "heun", "bh1", "bh2"])
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(
            multistep: settings, table, steps: steps, spacing: settings.configuration.timestepSpacing,
            end: .lastRatio)
        (levels, predictions) = (grid.levels, [])
        return SamplingPlan(grid.points)
    }

    /// A step of the highest order that the settings and the number of earlier predictions allow.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        var epsilon = prediction.epsilon
        if let limit {
            epsilon = prediction.point.level.convert(
                limit.apply(to: prediction.original), from: .sample, to: .epsilon, noisy: prediction.latents)
        }
        predictions = [epsilon] + predictions.prefix(order - 1)
        let (here, there) = (levels[index], levels[index + 1])
        let order = order(at: index)
        let nodes = (0..<order).map { log(levels[index - $0].ratio) }
        let terms = nodes.indices.map { place in
            let others = nodes.indices.filter { $0 != place }.map { nodes[$0] }
            let weight =
                Self.integral(to: there.ratio, nodes[place], others)
                - Self.integral(to: here.ratio, nodes[place], others)
            return (there.alpha * weight, predictions[place])
        }
        return .combination([(there.alpha / here.alpha, prediction.latents)] + terms)
    }

    private func order(at index: Int) -> Int {
        let steps = levels.count - 1
        let lowersOrder = self.lowersOrder && steps < 15
        if index == steps - 1, lowersOrder { return 1 }
        return min(predictions.count, index == steps - 2 && lowersOrder ? 2 : order)
    }

    /// The integral up to `ratio`, over σ/α, of the Lagrange polynomial in log(σ/α) that is 1 at `node` and 0 at the others.
    private static func integral(to ratio: Double, _ node: Double, _ others: [Double]) -> Double {
        let place = log(ratio)
        switch others.count {
        case 0: return ratio
        case 1: return ratio * (place - others[0] - 1) / (node - others[0])
        default:
            let (first, second) = (others[0], others[1])
            let integral = place * place - 2 * place + 2 - (first + second) * (place - 1) + first * second
            return ratio * integral / ((node - first) * (node - second))
        }
    }
}
