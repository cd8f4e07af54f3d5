import Autograd
import DiffusionModels

/// Score distillation sampling, the baseline without a fake score (DreamFusion, arXiv 2209.14988).
///
/// g = ω(t) (ε̂_T − ε), ε̂_T = ε(∅) + κ (ε(c) − ε(∅)). It is mode-seeking: the student's diversity collapses.
public struct ScoreDistillationSampling: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "score-distillation-sampling"

    /// κ of the teacher; DreamFusion's is 100.
    public var teacherGuidanceScale = 100.0
    /// ω.
    public var weight = TimestepWeight.noise
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// DreamFusion's settings.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// Predictions of the teacher alone.
    public var needs: LossNeeds { .teacher(guidedBy: teacherGuidanceScale) }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        LossGradient((input.teacher.epsilon(guidedBy: teacherGuidanceScale) - input.noise) * input.weights(weight))
    }
}
