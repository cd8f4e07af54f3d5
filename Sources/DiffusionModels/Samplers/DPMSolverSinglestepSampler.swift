import Tensor

/// The singlestep form of DPM-Solver and DPM-Solver++ of orders 1 to 3: a step of order k takes k evaluations and uses none of
/// earlier steps.
///
/// arXiv 2206.00927, Algorithms 1 and 2. diffusers' `DPMSolverSinglestepScheduler`; as there, `steps` is the number of evaluations.
package struct DPMSolverSinglestepSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "dpm-solver-singlestep"
    /// The name of diffusers' scheduler class.
    package static let className = "DPMSolverSinglestepScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging(SchedulerParameters.ratioSpacing) { $1 }.merging([
            "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": false,
            "use_flow_sigmas": false, "flow_shift": 1.0, "final_sigmas_type": "zero", "lambda_min_clipped": nil,
            "variance_type": nil, "use_dynamic_shifting": false, "time_shift_type": "exponential",
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let solver: DPMSolverSettings
    private var lowersOrder: Bool
    private var levels: [SignalLevel] = []
    private var orders: [Int] = []
    /// The latest predictions, newest first.
    private var predictions: [Tensor] = []
    private var beginning: Tensor?

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        self.settings = settings
        table = SamplingTable(settings.configuration)
        solver = try DPMSolverSettings(settings, algorithms: [.original, .noise, .stochasticOriginal])
        lowersOrder = try settings.fields.boolean("lower_order_final", default: false)
        if solver.algorithm == .noise, solver.limit != nil {
            throw settings.fields.unsupported("thresholding", expected: "false with dpmsolver")
        }
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(
            multistep: settings, table, steps: steps, spacing: .linspace,
            end: solver.endsAtZero ? .noNoise : .firstTimestep)
        (levels, predictions, beginning) = (grid.levels, [], nil)
        // diffusers does the same and warns.
        let lowers = lowersOrder || steps % solver.order != 0 || solver.endsAtZero
        orders = Self.orders(steps: steps, order: solver.order, lowersOrder: lowers)
        if solver.endsAtZero { orders[orders.count - 1] = 1 }
        return SamplingPlan(grid.points)
    }

    private static func orders(steps: Int, order: Int, lowersOrder: Bool) -> [Int] {
        let whole = (0..<steps).map { $0 % order + 1 }
        guard lowersOrder, order > 1 else { return whole }
        switch (order, steps % order) {
        case (3, 0): return whole.dropLast(3) + [1, 2, 1]
        case (2, 0): return whole.dropLast(2) + [1, 1]
        default: return whole
        }
    }

    /// One evaluation's update, computed from the latents at which the step of this order began.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        predictions = [solver.target(of: prediction)] + predictions.prefix(solver.order - 1)
        let order = min(orders[index], predictions.count)
        if order == 1 { beginning = prediction.latents }
        let start = index - order + 1
        let update = DPMSolverUpdate(solver.algorithm, from: levels[start], to: levels[index + 1])
        var terms = [(update.latents, beginning ?? prediction.latents), (update.prediction, predictions[order - 1])]
        terms += differences(order: order, at: index, update)
        if solver.algorithm.addsNoise { terms.append((update.noise, noise.next(like: prediction.latents))) }
        return .combination(terms)
    }

    private func differences(
        order: Int, at index: Int, _ update: DPMSolverUpdate
    ) -> [(weight: Double, tensor: Tensor)] {
        guard order > 1 else { return [] }
        func lambda(_ index: Int) -> Double { levels[index].logSignalToNoise }
        let start = lambda(index - order + 1)
        let h = lambda(index + 1) - start
        // The positions of the last evaluation and of the one before it, as fractions of the step in λ.
        let r0 = (lambda(index) - start) / h
        let newest = Tensor.combination((1 / r0, predictions[0]), (-1 / r0, predictions[order - 1]))
        if order == 2 { return [(solver.isHeun ? update.heun : update.midpoint, newest)] }
        guard solver.isHeun else { return [(update.heun, newest)] }
        let r1 = (lambda(index - 1) - start) / h
        let older = Tensor.combination((1 / r1, predictions[1]), (-1 / r1, predictions[2]))
        let gap = r0 - r1
        return [
            (update.heun, .combination((r0 / gap, older), (-r1 / gap, newest))),
            (update.second, .combination((2 / gap, newest), (-2 / gap, older))),
        ]
    }
}
