import Autograd
import DiffusionModels

/// Score identity distillation (SiD, arXiv 2404.04057), with gradients through both networks.
///
/// L = w [(f_T − f_F)·(f_F − x̂₀) + (1 − a) ‖f_T − f_F‖²], w = 1/max(mean|x̂₀ − f_T|, c) held constant. It minimises
/// ‖f_T − f_F‖², rewritten by the score identity to reduce the effect of an imperfect f_F. Differences are computed of ε, times σ/α,
/// which avoids the rounding errors of x_t/α.
public struct ScoreIdentityDistillation: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "score-identity-distillation"

    /// a: 1 for text-to-image models; 1.2 was best on small images.
    public var alpha = 1.0
    /// κ of the teacher.
    public var teacherGuidanceScale = 1.0
    /// κ of the fake score.
    public var fakeScoreGuidanceScale = 1.0
    /// c, the lower bound of the denominator.
    public var smallestDenominator = 1e-5
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<980

    /// SiD's settings without guidance.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
        try Self.check(fakeScoreGuidanceScale, "fakeScoreGuidanceScale", in: SamplingSettings.guidanceScales)
        try Self.check(alpha, "alpha", in: Self.weights)
    }

    /// Predictions of teacher and fake score, and gradients through both.
    public var needs: LossNeeds {
        [
            .teacher(guidedBy: teacherGuidanceScale), .teacherJacobian,
            .fakeScore(guidedBy: fakeScoreGuidanceScale), .fakeScoreJacobian,
        ]
    }

    /// ``FakeScoreTraining/scoreIdentity(guidanceScale:)`` with the fake score's guidance scale of this loss.
    public var usualFakeScoreTraining: FakeScoreTraining { .scoreIdentity(guidanceScale: fakeScoreGuidanceScale) }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let teacher = input.teacher.epsilon(guidedBy: teacherGuidanceScale)
        let fake = input.fakeScore.epsilon(guidedBy: fakeScoreGuidanceScale)
        let distance = input.original - input.teacher.original(guidedBy: teacherGuidanceScale)
        let size = distance.absolute().mean(alongAxes: [1, 2, 3], keepingDimensions: true)
        let denominator = size.value.clamped(to: Float(smallestDenominator)...Float.infinity)
        let ratio = input.sigma / input.alpha
        let difference = (fake - teacher) * ratio
        var objective = difference * ((input.noise - fake) * ratio)
        if alpha != 1 { objective = objective + difference.squared() * Float(1 - alpha) }
        return LossGradient(input.gradient(of: objective / Variable(denominator)))
    }
}
