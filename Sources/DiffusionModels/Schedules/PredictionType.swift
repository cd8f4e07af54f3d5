/// What a denoising network's output stands for: `prediction_type`.
///
/// With x_t = α x₀ + σ ε.
public enum PredictionType: String, CaseIterable, Codable, Sendable {
    /// The noise ε.
    case epsilon
    /// The original x₀.
    case sample
    /// v = α ε − σ x₀ (arXiv 2202.00512).
    case velocity = "v_prediction"

    /// The weights with which x_t and a prediction of this type add up to `target`.
    func weights(to target: PredictionType, alpha: Double, sigma: Double) -> (noisy: Double, prediction: Double) {
        switch (self, target) {
        case (.epsilon, .epsilon), (.sample, .sample), (.velocity, .velocity): (0, 1)
        case (.epsilon, .sample): (1 / alpha, -sigma / alpha)
        case (.epsilon, .velocity): (-sigma / alpha, 1 / alpha)
        case (.sample, .epsilon): (1 / sigma, -alpha / sigma)
        case (.sample, .velocity): (alpha / sigma, -1 / sigma)
        case (.velocity, .epsilon): (sigma, alpha)
        case (.velocity, .sample): (alpha, -sigma)
        }
    }
}
