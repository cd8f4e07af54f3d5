import Distillation

/// What one step of a teacher's training reports.
public struct TeacherStep: TrainingStep, Equatable {
    /// Which step, from 1.
    public let step: Int
    /// Pictures seen so far.
    public let samplesSeen: Int
    /// The weighted mean of the squared epsilon errors, which is followed.
    public let loss: Double
    /// Their plain mean.
    public let epsilonLoss: Double
    /// The mean squared error of x₀; of whitened latents, guessing their mean is 1.
    public let originalError: Double
    /// The global gradient norm before clipping.
    public let gradientNorm: Double
    /// AdamW's step size.
    public let learningRate: Double
    /// Wall-clock time.
    public let seconds: Double
    /// The most memory that the process has held so far.
    public let peakBytes: Int
}
