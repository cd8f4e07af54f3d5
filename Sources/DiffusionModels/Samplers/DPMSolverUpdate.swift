import Foundation

/// The equation that DPM-Solver solves and the prediction it combines: `algorithm_type`.
enum DPMSolverAlgorithm: String, CaseIterable, Sendable {
    /// The probability-flow ODE for x₀ (arXiv 2211.01095).
    case original = "dpmsolver++"
    /// The probability-flow ODE for ε (arXiv 2206.00927).
    case noise = "dpmsolver"
    /// The reverse-diffusion SDE for x₀.
    case stochasticOriginal = "sde-dpmsolver++"
    /// The reverse-diffusion SDE for ε.
    case stochasticNoise = "sde-dpmsolver"

    /// Whether it combines predictions of x₀ instead of ε.
    var predictsOriginal: Bool { self == .original || self == .stochasticOriginal }
    /// Whether its steps add noise.
    var addsNoise: Bool { self == .stochasticOriginal || self == .stochasticNoise }
}

/// The weights of a DPM-Solver step of length h = λ′ − λ: those of the initial latents, of the prediction, of its first and second
/// differences, and of new noise.
///
/// They are the exponential integrals in arXiv 2211.01095 (Algorithms 1 and 2); in the midpoint forms the first difference has half the
/// prediction's weight. Ratios r = σ/α are used because h can be infinite: e^(−h) = r′/r.
struct DPMSolverUpdate {
    let latents: Double
    let prediction: Double
    /// The weight of the first difference with `solver_type` midpoint.
    let midpoint: Double
    /// The weight of the first difference with `solver_type` heun.
    let heun: Double
    let second: Double
    let noise: Double

    init(_ algorithm: DPMSolverAlgorithm, from here: SignalLevel, to there: SignalLevel) {
        let h = here.ratio == 0 ? 0 : log(here.ratio) - log(there.ratio)
        let decay = here.ratio == 0 ? 1 : there.ratio / here.ratio
        let growth = there.alpha * (here.ratio - there.ratio)
        // For a step of length 0, the quotients by h are 0.
        func quotient(_ value: Double) -> Double { h == 0 ? 0 : value }
        switch algorithm {
        case .original:
            latents = there.sigma / here.sigma
            prediction = there.alpha * (1 - decay)
            midpoint = prediction / 2
            heun = quotient(there.alpha * ((decay - 1) / h + 1))
            second = quotient(-there.alpha * ((decay - 1 + h) / (h * h) - 0.5))
            noise = 0
        case .noise:
            latents = there.alpha / here.alpha
            prediction = -growth
            midpoint = prediction / 2
            heun = quotient(-growth / h + there.sigma)
            second = quotient(-(growth - there.sigma * h) / (h * h) + there.sigma / 2)
            noise = 0
        case .stochasticOriginal:
            let squared = decay * decay
            latents = there.sigma / here.sigma * decay
            prediction = there.alpha * (1 - squared)
            midpoint = prediction / 2
            heun = quotient(there.alpha * ((1 - squared) / (-2 * h) + 1))
            second = quotient(there.alpha * ((1 - squared - 2 * h) / (4 * h * h) - 0.5))
            noise = there.sigma * (1 - squared).squareRoot()
        case .stochasticNoise:
            latents = there.alpha / here.alpha
            prediction = -2 * growth
            midpoint = -growth
            heun = quotient(-2 * (growth / h - there.sigma))
            second = 0
            noise = there.alpha * (here.ratio * here.ratio - there.ratio * there.ratio).squareRoot()
        }
    }
}
