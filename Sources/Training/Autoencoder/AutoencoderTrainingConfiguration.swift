/// The settings of an autoencoder's training besides its network's sizes.
public struct AutoencoderTrainingConfiguration: OptimizationSettings, Codable, Sendable, Equatable {
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

    /// Throws ``TrainingError`` for a setting that is out of range.
    public func validate() throws {
        try validateOptimization()
        for (name, weight) in [
            ("squaredErrorWeight", squaredErrorWeight), ("edgeErrorWeight", edgeErrorWeight),
            ("divergenceWeight", divergenceWeight),
        ] {
            try TrainingError.check(
                weight.isFinite && weight >= 0, name, expected: "a finite number from 0", found: weight)
        }
    }
}
