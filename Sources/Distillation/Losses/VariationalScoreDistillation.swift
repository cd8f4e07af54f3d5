import Autograd
import DiffusionModels

/// Variational score distillation as used by SwiftBrush (arXiv 2312.05239; ProlificDreamer, arXiv 2305.16213).
///
/// g = ω(t) (ε̂_T − ε̂_F), each guided: ε̂ = ε(∅) + κ (ε(c) − ε(∅)). It is the gradient of the KL divergence between the
/// student's noised samples and the teacher's, weighted by ω σ/α.
///
/// The same g is a sum: both networks guided by κ_F, and (κ_T − κ_F) (ε_T(c) − ε_T(∅)). Decoupled DMD (arXiv 2511.22677, with κ_F = 1) noises
/// the samples for the second term anew, at timesteps of its own; see ``guidanceTimesteps``.
public struct VariationalScoreDistillation: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "variational-score-distillation"

    /// κ of the teacher.
    public var teacherGuidanceScale = 4.5
    /// κ of the fake score; SwiftBrush uses the teacher's, ProlificDreamer 1.
    public var fakeScoreGuidanceScale = 4.5
    /// ω.
    public var weight = TimestepWeight.noise
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981
    /// The range of the timesteps of the guidance term (κ_T − κ_F) (ε_T(c) − ε_T(∅)), for which the samples are noised again; nil for one
    /// noise for both terms.
    public var guidanceTimesteps: Range<Int>?

    /// SwiftBrush's settings.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
        try Self.check(fakeScoreGuidanceScale, "fakeScoreGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// SwiftBrush's settings with another scale for both networks.
    public init(guidanceScale: Double) {
        (teacherGuidanceScale, fakeScoreGuidanceScale) = (guidanceScale, guidanceScale)
    }

    /// ProlificDreamer's if only the teacher is guided, otherwise SwiftBrush's.
    public var usualFakeScoreTraining: FakeScoreTraining {
        fakeScoreGuidanceScale == 1 && teacherGuidanceScale != 1 ? .prolificDreamer : FakeScoreTraining()
    }

    /// Predictions of teacher and fake score.
    public var needs: LossNeeds {
        [.teacher(guidedBy: matchedTeacherScale), .fakeScore(guidedBy: fakeScoreGuidanceScale)]
    }

    /// False.
    public var couplesSamples: Bool { false }

    /// κ of the teacher in the term that compares it with the fake score.
    private var matchedTeacherScale: Double {
        guidanceTimesteps == nil ? teacherGuidanceScale : fakeScoreGuidanceScale
    }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let teacher = input.teacher.epsilon(guidedBy: matchedTeacherScale)
        let fake = input.fakeScore.epsilon(guidedBy: fakeScoreGuidanceScale)
        guard guidanceTimesteps != nil else {
            return LossGradient((teacher - fake) * input.weights(weight))
        }
        let direction = input.guidance.epsilon() - input.guidance.epsilon(guidedBy: 0)
        let guidance = direction * Float(teacherGuidanceScale - fakeScoreGuidanceScale)
        return LossGradient((teacher - fake) * input.weights(weight) + guidance * input.guidanceWeights(weight))
    }
}
