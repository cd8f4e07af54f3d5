/// What a denoising network predicts of x_t = α x₀ + σ ε: `prediction_type`.
public enum PredictionType: String, CaseIterable, Codable, Sendable {
    /// The noise ε.
    case epsilon
    /// The clean sample x₀.
    case sample
    /// v = α ε − σ x₀ (arXiv 2202.00512).
    case velocity = "v_prediction"
    /// u = ε − x₀, the velocity of flow matching, whose samples go along straight lines (arXiv 2209.03003).
    case flow = "flow_prediction"
}
