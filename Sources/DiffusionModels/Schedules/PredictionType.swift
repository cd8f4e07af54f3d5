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
}
