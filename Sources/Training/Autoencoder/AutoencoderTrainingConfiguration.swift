/// The settings of an autoencoder's training besides its network's sizes.
public struct AutoencoderTrainingConfiguration: Codable, Sendable, Equatable {
    /// Pictures a step; many small steps serve better here than few large ones.
    public var batchSize = 8
    /// Steps after which the learning rate has fallen to nothing, half a cosine from ``learningRate``.
    public var iterations = 3000
    /// AdamW's largest step size.
    public var learningRate = 1.5e-3
    /// Decoupled weight decay.
    public var weightDecay = 0.01
    /// The largest global gradient norm; larger ones are scaled down.
    public var gradientNormLimit = 1.0
    /// The largest decay of the moving average.
    public var averageDecay = 0.995
    /// How much the squared error counts beside the absolute one.
    public var squaredErrorWeight = 0.3
    /// How much the absolute error of the pictures' differences between neighbours counts: edges.
    public var edgeErrorWeight = 0.5
    /// How much the divergence of the latents from a standard normal distribution counts.
    public var divergenceWeight = 1e-4
    /// Of everything random.
    public var seed: UInt64 = 0

    /// Settings for pictures of 64 × 64.
    public init() {}

    func validate() throws {
        func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            if !isValid { throw TrainingError.invalidSetting(name: name, expected: expected, found: "\(found)") }
        }
        try check(batchSize > 0, "batchSize", "at least 1", batchSize)
        try check(iterations > 0, "iterations", "at least 1", iterations)
        try check(
            learningRate.isFinite && learningRate >= 0, "learningRate", "a finite number from 0", learningRate)
        try check((0...1).contains(averageDecay), "averageDecay", "a number from 0 to 1", averageDecay)
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
        for (name, weight) in [
            ("squaredErrorWeight", squaredErrorWeight), ("edgeErrorWeight", edgeErrorWeight),
            ("divergenceWeight", divergenceWeight),
        ] {
            try check(weight.isFinite && weight >= 0, name, "a finite number from 0", weight)
        }
    }
}
