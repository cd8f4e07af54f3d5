import Autograd

/// Diff-Instruct (arXiv 2305.18455), with its code's parameterisation by x₀.
///
/// g = w(t) (f_F − f_T) = w (σ/α) (ε_T − ε_F): the gradient of ∫ w(t) KL(q_t ‖ p_t) dt with weights of its own.
public struct DiffInstruct: DistillationLoss, Equatable {
    /// What runs record.
    public static let name = "diff-instruct"

    /// κ of the teacher; the paper's models have no prompt.
    public var teacherGuidanceScale = 1.0
    /// w, which stands for EDM's distribution of noise levels where t is drawn evenly.
    public var weight = TimestepWeight.logNormal
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The settings of the paper's code.
    public init() {}

    /// Passes of teacher and fake score.
    public var needs: LossNeeds { [.teacher(guidedBy: teacherGuidanceScale), .fakeScore] }

    /// A full copy of the teacher that learns without weights.
    public var usualFakeScoreTraining: FakeScoreTraining { .plain }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let difference = input.fakeScore.original() - input.teacher.original(guidedBy: teacherGuidanceScale)
        return LossGradient(difference * input.weights(weight))
    }
}
