import SwiftBrushRuntime

/// The metrics of one step of a distillation.
public struct DistillationStep: TrainingStep, Equatable {
    /// The number of the step, from 1.
    public let step: Int
    /// The number of samples in all steps so far.
    public let samplesSeen: Int
    /// ½ mean(g²), the value of the surrogate loss whose gradient updates the student.
    public let studentLoss: Double
    /// The fake score's loss, the mean over its updates in this step.
    public let fakeScoreLoss: Double
    /// The student's global gradient norm before clipping.
    public let studentGradientNorm: Double
    /// The fake score's global gradient norm before clipping, the mean over its updates in this step.
    public let fakeScoreGradientNorm: Double
    /// The discriminator's loss, the mean over the updates in this step; nil without one.
    public let discriminatorLoss: Double?
    /// The loss's diagnostics, by name.
    public let diagnostics: [String: Double]
    /// The step's wall-clock time.
    public let seconds: Double
    /// The peak memory of the process so far.
    public let peakBytes: Int
}
