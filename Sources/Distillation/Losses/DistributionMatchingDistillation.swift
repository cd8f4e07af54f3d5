import Autograd
import DiffusionModels

/// Distribution matching distillation, the core of DMD (arXiv 2311.18828) and DMD2 (arXiv 2405.14867).
///
/// g = (f_F − f̂_T)/(mean|x̂₀ − f̂_T| + c), the mean over a sample's elements; f̂_T is guided, f_F is not. The difference is
/// computed as (σ/α)(ε̂_T − ε_F), which avoids the rounding errors of x_t/α.
public struct DistributionMatchingDistillation: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "distribution-matching-distillation"

    /// κ of the teacher; DMD2's is 1.75 on Stable Diffusion 1.5, DMD's 3 or 8.
    public var teacherGuidanceScale = 1.75
    /// c, which keeps the quotient finite: FastGen's value; the papers' code has none.
    public var denominatorOffset = 1e-6
    /// Timesteps are sampled uniformly from this range: 2 % to 98 %.
    public var timesteps = 20..<981

    /// DMD2's settings on Stable Diffusion 1.5.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// Predictions of teacher and fake score.
    public var needs: LossNeeds { [.teacher(guidedBy: teacherGuidanceScale), .fakeScore] }

    /// DMD's training: one unweighted update per step.
    public var usualFakeScoreTraining: FakeScoreTraining { .plain }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let teacher = input.teacher.original(guidedBy: teacherGuidanceScale)
        let size = (input.original - teacher).absolute().mean(alongAxes: [1, 2, 3], keepingDimensions: true)
        let difference = input.teacher.epsilon(guidedBy: teacherGuidanceScale) - input.fakeScore.epsilon()
        return LossGradient(difference * (input.sigma / input.alpha) / (size + Float(denominatorOffset)))
    }
}
