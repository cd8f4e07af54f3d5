import Foundation
import Tensor

/// UniPC: a predictor of high order and a corrector that needs no additional evaluation (arXiv 2302.04867). diffusers'
/// `UniPCMultistepScheduler`.
package struct UniPCSampler: SchedulerSampler {
    /// The command-line name of the sampler.
    package static let name = "unipc"
    /// The name of diffusers' scheduler class.
    package static let className = "UniPCMultistepScheduler"
    /// The scheduler parameters that the sampler supports, with their defaults.
    package static let parameters = SchedulerParameters(
        SchedulerParameters.thresholding.merging(SchedulerParameters.ratioSpacing) { $1 }.merging([
            "solver_order": 2, "predict_x0": true, "solver_type": "bh2", "lower_order_final": true,
            "disable_corrector": nil, "solver_p": nil, "use_flow_sigmas": false, "flow_shift": 1.0,
            "timestep_spacing": "linspace", "steps_offset": 0, "final_sigmas_type": "zero",
            "rescale_betas_zero_snr": false, "use_dynamic_shifting": false, "time_shift_type": "exponential",
            "sigma_min": nil, "sigma_max": nil, "shift_terminal": nil,
        ]) { $1 })

    /// The settings that the sampler was created with.
    package let settings: SchedulerSettings
    private let table: SamplingTable
    private let solver: UniPCUpdate
    private let limit: OriginalLimit?
    private let order: Int
    private let lowersOrder: Bool
    private let uncorrected: [Int]
    private let endsAtZero: Bool
    private var levels: [SignalLevel] = []
    /// The latest predictions, newest first.
    private var predictions: [Tensor] = []
    /// The number of predictions so far, at most the order.
    private var predictionCount = 0
    /// The latents before the last predictor, and its order.
    private var last: (latents: Tensor, order: Int)?

    /// Creates the sampler with these settings. Throws ``ModelError`` for unsupported settings.
    package init(_ settings: SchedulerSettings) throws {
        var settings = settings
        let fields = settings.fields
        table = SamplingTable(settings.configuration, keepsSignal: true)
        order = try fields.integer("solver_order", default: 2, in: 1...8)
        let predictsOriginal = try fields.boolean("predict_x0", default: true)
        let kind = try settings.name(
            "solver_type", of: ["bh2", "bh1"], others: ["midpoint", "heun", "logrho"])
        solver = UniPCUpdate(predictsOriginal: predictsOriginal, isFirstKind: kind == "bh1")
        limit = predictsOriginal ? try settings.originalLimit(thresholds: true, clips: false) : nil
        lowersOrder = try fields.boolean("lower_order_final", default: true)
        uncorrected =
            fields.isNull("disable_corrector") || fields.values["disable_corrector"] == .array([])
            ? [] : try fields.integers("disable_corrector", default: nil, in: 0...1_000_000)
        endsAtZero = try settings.name("final_sigmas_type", of: ["zero", "sigma_min"]) == "zero"
        try fields.require("solver_p", toBe: .null)
        if !predictsOriginal { settings.ignore("thresholding", unless: false, because: "predict_x0 is false") }
        self.settings = settings
    }

    /// Starts a sampling at integer timesteps. Throws ``ModelError`` for more steps than timesteps.
    package mutating func begin(steps: Int) throws -> SamplingPlan {
        try settings.check(steps: steps)
        let grid = try RatioGrid(
            multistep: settings, table, steps: steps, spacing: settings.configuration.timestepSpacing,
            end: endsAtZero ? .noNoise : .lastRatio)
        (levels, predictions, predictionCount, last) = (grid.levels, [], 0, nil)
        return SamplingPlan(grid.points)
    }

    /// Corrects the latents of the last predictor step with the network's prediction for them, then predicts the next latents.
    package mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
        let newest: Tensor
        if solver.predictsOriginal {
            let original = prediction.original
            newest = limit?.apply(to: original) ?? original
        } else {
            newest = prediction.epsilon
        }
        var latents = prediction.latents
        if index > 0, let last, !uncorrected.contains(index - 1) {
            latents = solver.correct(
                last.latents, order: last.order, predictions: [newest] + predictions,
                levels: (0...last.order).map { levels[index - $0] })
        }
        predictions = [newest] + predictions.prefix(order - 1)
        let limit = lowersOrder ? min(order, levels.count - 1 - index) : order
        let current = min(limit, predictionCount + 1)
        last = (latents, current)
        predictionCount = min(predictionCount + 1, order)
        return solver.predict(
            latents, order: current, predictions: predictions,
            levels: [levels[index + 1]] + (0..<current).map { levels[index - $0] })
    }
}
