import Tensor

/// The multistep form of DPM-Solver and DPM-Solver++ of orders 1 to 3, which uses the predictions of earlier steps, and its SDE variants.
///
/// arXiv 2206.00927 and 2211.01095, Algorithm 2; known as "DPM++ 2M", "2M SDE" and "3M". diffusers' `DPMSolverMultistepScheduler`.
package struct DPMSolverMultistepSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "dpm-solver"
    /// The name of diffusers' scheduler class.
    package static let className = "DPMSolverMultistepScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging(SchedulerParameters.ratioSpacing) { $1 }.merging([
            "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true,
            "euler_at_final": false, "use_lu_lambdas": false, "use_flow_sigmas": false, "flow_shift": 1.0,
            "final_sigmas_type": "zero", "lambda_min_clipped": nil, "variance_type": nil,
            "timestep_spacing": "linspace", "steps_offset": 0, "rescale_betas_zero_snr": false,
            "use_dynamic_shifting": false, "time_shift_type": "exponential",
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let solver: DPMSolverSettings
    private let lowersOrder: Bool
    private let endsByEuler: Bool
    private var levels: [SignalLevel] = []
    /// The latest predictions, newest first.
    private var predictions: [Tensor] = []

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration, keepsSignal: true)
        solver = try DPMSolverSettings(settings, algorithms: DPMSolverAlgorithm.allCases)
        lowersOrder = try settings.fields.boolean("lower_order_final", default: true)
        endsByEuler = try settings.fields.boolean("euler_at_final", default: false)
        if solver.algorithm == .stochasticNoise, solver.order == 3 {
            throw settings.fields.unsupported("solver_order", expected: "1 or 2 of sde-dpmsolver")
        }
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(
            multistep: settings, table, steps: steps, spacing: settings.configuration.timestepSpacing,
            end: solver.endsAtZero ? .noNoise : .firstTimestep,
            roundsKarras: settings.configuration.betaSchedule != .squaredCosine)
        (levels, predictions) = (grid.levels, [])
        return SamplingPlan(grid.points)
    }

    /// A step of the highest order that the settings and the number of earlier predictions allow.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        predictions = [solver.target(of: prediction)] + predictions.prefix(solver.order - 1)
        let update = DPMSolverUpdate(solver.algorithm, from: levels[index], to: levels[index + 1])
        let differences = differences(order: order(at: index), at: index)
        let first = differences.second == nil && !solver.isHeun ? update.midpoint : update.heun
        var terms = [(update.latents, prediction.latents), (update.prediction, predictions[0])]
        if let difference = differences.first { terms.append((first, difference)) }
        if let difference = differences.second { terms.append((update.second, difference)) }
        if solver.algorithm.addsNoise { terms.append((update.noise, noise.next(like: prediction.latents))) }
        return .combination(terms)
    }

    private func order(at index: Int) -> Int {
        let steps = levels.count - 1
        let lowersOrder = self.lowersOrder && steps < 15
        let isFirstOrder = index == steps - 1 && (endsByEuler || lowersOrder || solver.endsAtZero)
        if isFirstOrder { return 1 }
        return min(predictions.count, index == steps - 2 && lowersOrder ? 2 : solver.order)
    }

    /// The first and second divided differences of the predictions over λ, times h and h².
    private func differences(order: Int, at index: Int) -> (first: Tensor?, second: Tensor?) {
        guard order > 1 else { return (nil, nil) }
        func lambda(_ index: Int) -> Double { levels[index].logSignalToNoise }
        let h = lambda(index + 1) - lambda(index)
        let h0 = lambda(index) - lambda(index - 1)
        let newest = Tensor.combination((h / h0, predictions[0]), (-h / h0, predictions[1]))
        guard order > 2 else { return (newest, nil) }
        let h1 = lambda(index - 1) - lambda(index - 2)
        let older = Tensor.combination((h / h1, predictions[1]), (-h / h1, predictions[2]))
        let (share, scale) = (h0 / (h0 + h1), h / (h0 + h1))
        return (.combination((1 + share, newest), (-share, older)), .combination((scale, newest), (-scale, older)))
    }
}
