import Autograd
import DiffusionModels

/// Diff-Instruct (arXiv 2305.18455), parameterised by x₀ as in its code.
///
/// g = w(t) (f_F − f_T) = w (σ/α) (ε_T − ε_F): the gradient of ∫ w(t) KL(q_t ‖ p_t) dt with the paper's own weights.
public struct DiffInstruct: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "diff-instruct"

    /// κ of the teacher; the paper's models have no prompts.
    public var teacherGuidanceScale = 1.0
    /// w, which replaces EDM's distribution of noise levels, as t is sampled uniformly.
    public var weight = TimestepWeight.logNormal
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The settings of the paper's code.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// Predictions of teacher and fake score.
    public var needs: LossNeeds { [.teacher(guidedBy: teacherGuidanceScale), .fakeScore] }

    /// Unweighted noise prediction; the paper trains a full copy of the teacher.
    public var usualFakeScoreTraining: FakeScoreTraining { .plain }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let difference = input.fakeScore.original() - input.teacher.original(guidedBy: teacherGuidanceScale)
        return LossGradient(difference * input.weights(weight))
    }
}
