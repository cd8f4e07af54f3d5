import SwiftBrushRuntime

/// The metrics of one step of a teacher's training.
public struct TeacherStep: TrainingStep, Equatable {
    /// The step's number, from 1.
    public let step: Int
    /// The number of training samples so far, with repetition.
    public let samplesSeen: Int
    /// The training loss: the weighted mean of the squared errors of ε, or in flow matching of u.
    public let loss: Double
    /// The unweighted mean of the squared epsilon errors.
    public let epsilonLoss: Double
    /// The mean squared error of x₀; for whitened latents, predicting their mean gives 1.
    public let originalError: Double
    /// The global gradient norm before clipping.
    public let gradientNorm: Double
    /// AdamW's learning rate in this step.
    public let learningRate: Double
    /// The step's wall-clock time in seconds.
    public let seconds: Double
    /// The process's peak resident memory so far, in bytes.
    public let peakBytes: Int
}
