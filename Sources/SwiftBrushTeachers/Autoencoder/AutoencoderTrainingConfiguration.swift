import SwiftBrushRuntime

/// The settings of an autoencoder's training, except the network's configuration.
public struct AutoencoderTrainingConfiguration: OptimizationSettings, Codable, Sendable, Equatable {
    /// Pictures per step; many small steps work better here than few large ones.
    public var batchSize = 8
    /// The number of parts in which a step computes its gradients, one after the other or each in a process of its own: gradient
    /// accumulation. Parts need less memory, and the result depends on their number in its last bits.
    public var accumulatedParts: Int {
        get { accumulate ?? 1 }
        set { accumulate = newValue == 1 ? nil : newValue }
    }
    /// Nil for one part, as in the settings of runs that had no parts.
    private var accumulate: Int?
    /// The type as which processes send gradients.
    public var gradientType: GradientType {
        get { gradients ?? .float32 }
        set { gradients = newValue == .float32 ? nil : newValue }
    }
    /// Nil for Float32, which runs of earlier versions do not record.
    private var gradients: GradientType?
    /// The number of steps over which the learning rate falls from ``learningRate`` to 0, along half a cosine.
    public var iterations = 3000
    /// AdamW's maximum learning rate.
    public var learningRate = 1.5e-3
    /// Decoupled weight decay.
    public var weightDecay = 0.01
    /// The maximum global gradient norm; larger gradients are scaled down to it.
    public var gradientNormLimit = 1.0
    /// The maximum decay of the moving average.
    public var averageDecay = 0.995
    /// The weight of the squared error; the absolute error has weight 1.
    public var squaredErrorWeight = 0.3
    /// The weight of the edge error: the absolute error of the differences between neighbouring pixels.
    public var edgeErrorWeight = 0.5
    /// The weight of the latents' KL divergence from a standard normal distribution.
    public var divergenceWeight = 1e-4
    /// The seed of all random streams.
    public var seed: UInt64 = 0

    /// Creates the default settings, for images of 64 × 64 pixels.
    public init() {}

    /// Throws ``TrainingError`` for a setting that is out of range.
    public func validate() throws {
        try validateOptimization()
        for (name, weight) in [
            ("squaredErrorWeight", squaredErrorWeight), ("edgeErrorWeight", edgeErrorWeight),
            ("divergenceWeight", divergenceWeight),
        ] {
            try TrainingError.check(
                weight.isFinite && weight >= 0, name, expected: "a finite number of at least 0", found: weight)
        }
    }
}
