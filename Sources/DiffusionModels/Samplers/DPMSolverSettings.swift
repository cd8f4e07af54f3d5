import Tensor

/// The settings that DPM-Solver's two schedulers share.
struct DPMSolverSettings: Sendable {
    let algorithm: DPMSolverAlgorithm
    let order: Int
    let isHeun: Bool
    let endsAtZero: Bool
    let limit: OriginalLimit?

    /// Reads the settings. Throws ``ModelError`` for unsupported ones.
    init(_ settings: SchedulerSettings, algorithms: [DPMSolverAlgorithm]) throws {
        let fields = settings.fields
        let names = algorithms.map(\.rawValue)
        let name = try settings.name("algorithm_type", of: names, others: ["deis"])
        algorithm = DPMSolverAlgorithm(rawValue: name) ?? .original
        order = try fields.integer("solver_order", default: 2, in: 1...3)
        isHeun =
            try settings.name("solver_type", of: ["midpoint", "heun"], others: ["logrho", "bh1", "bh2"]) == "heun"
        endsAtZero = try settings.name("final_sigmas_type", of: ["zero", "sigma_min"]) == "zero"
        limit = try settings.originalLimit(thresholds: true, clips: false)
        if endsAtZero, !algorithm.predictsOriginal {
            throw fields.unsupported(
                "final_sigmas_type", expected: "sigma_min, because \(algorithm.rawValue) divides by the final σ")
        }
        if case .string(let type) = fields.values["variance_type", default: .null], type.hasPrefix("learned") {
            throw fields.unsupported("variance_type", expected: "null, because the network predicts no variance")
        }
    }

    /// The prediction that the solver combines: ε, or x₀ with its limit applied.
    func target(of prediction: NetworkPrediction) -> Tensor {
        guard let limit else { return algorithm.predictsOriginal ? prediction.original : prediction.epsilon }
        let original = limit.apply(to: prediction.original)
        if algorithm.predictsOriginal { return original }
        return prediction.point.level.convert(original, from: .sample, to: .epsilon, noisy: prediction.latents)
    }
}
