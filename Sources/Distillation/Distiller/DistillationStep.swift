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
    /// The mean over all elements of the student's samples x̂₀; nil in runs of earlier versions. Latents that drift show here first.
    public let x0Mean: Double?
    /// The standard deviation over all elements of the student's samples.
    public let x0Deviation: Double?
    /// The fake score's mean squared error in ε at the loss's timesteps, before its update: `newest` on this step's samples and, every
    /// ``DistillationConfiguration/lagInterval`` steps, `older` on those of that many steps before, with the same noise and timesteps. A fake
    /// score that lags behind the student is worse on the newest. Nil for a loss without a fake score.
    public let fakeScoreErrors: [String: Double]?
    /// The loss's diagnostics, by name.
    public let diagnostics: [String: Double]
    /// The step's wall-clock time.
    public let seconds: Double
    /// The peak memory of the process so far.
    public let peakBytes: Int
}
