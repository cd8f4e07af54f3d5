import Foundation

/// Which equation DPM-Solver solves, for which prediction: `algorithm_type`.
enum DPMSolverAlgorithm: String, CaseIterable, Sendable {
    /// The probability-flow equation for x₀ (arXiv 2211.01095).
    case original = "dpmsolver++"
    /// The probability-flow equation for ε (arXiv 2206.00927).
    case noise = "dpmsolver"
    /// The reverse diffusion for x₀.
    case stochasticOriginal = "sde-dpmsolver++"
    /// The reverse diffusion for ε.
    case stochasticNoise = "sde-dpmsolver"

    /// Whether it combines predictions of x₀, and not of ε.
    var predictsOriginal: Bool { self == .original || self == .stochasticOriginal }
    /// Whether its steps add noise.
    var addsNoise: Bool { self == .stochasticOriginal || self == .stochasticNoise }
}

/// The weights of a step of DPM-Solver, over h = λ′ − λ: of the latents where it begins, of the prediction and its two differences, and of
/// new noise.
///
/// The integrals of exponentials in arXiv 2211.01095 (Algorithms 1 and 2) and, with the first difference at half its weight, their midpoint
/// forms. They are written by ratios r = σ/α where h is infinite: e^(−h) = r′/r.
struct DPMSolverUpdate {
    let latents: Double
    let prediction: Double
    /// Of the first difference, by `solver_type`.
    let midpoint: Double
    let heun: Double
    let second: Double
    let noise: Double

    init(_ algorithm: DPMSolverAlgorithm, from here: SignalLevel, to there: SignalLevel) {
        let h = here.ratio == 0 ? 0 : log(here.ratio) - log(there.ratio)
        let decay = here.ratio == 0 ? 1 : there.ratio / here.ratio
        let growth = there.alpha * (here.ratio - there.ratio)
        // Of no step, the quotients by h are none.
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
