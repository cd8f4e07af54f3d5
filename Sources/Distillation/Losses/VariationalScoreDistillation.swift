import Tensor

/// Variational score distillation as SwiftBrush trains with it (arXiv 2312.05239; ProlificDreamer, arXiv 2305.16213).
///
/// g = ω(t) (ε̂_T − ε̂_F), each guided: ε̂ = ε(∅) + κ (ε(c) − ε(∅)). It is the gradient of the KL divergence between the
/// student's noised pictures and the teacher's, weighted by ω σ/α.
public struct VariationalScoreDistillation: DistillationLoss, Equatable {
    /// What runs record.
    public static let name = "variational-score-distillation"

    /// κ of the teacher.
    public var teacherGuidanceScale = 4.5
    /// κ of the fake score; SwiftBrush uses the teacher's, ProlificDreamer 1.
    public var fakeScoreGuidanceScale = 4.5
    /// ω.
    public var weight = TimestepWeight.noise
    /// The timesteps at which the pictures are judged.
    public var timesteps = 20..<981

    /// SwiftBrush's settings.
    public init() {}

    /// Passes of teacher and fake score, without the prompt only where a guidance scale is not 1.
    public var needs: JudgementNeeds {
        var needs: JudgementNeeds = .fakeScore
        if teacherGuidanceScale != 1 { needs.insert(.unconditionalTeacher) }
        if fakeScoreGuidanceScale != 1 { needs.insert(.unconditionalFakeScore) }
        return needs
    }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ judged: JudgedSample) -> Tensor {
        let teacher = judged.teacher.guided(by: teacherGuidanceScale)
        let fake = judged.requiredFakeScore.guided(by: fakeScoreGuidanceScale)
        return (teacher - fake) * judged.weights(weight)
    }
}

extension JudgedSample {
    /// ω(t) of each sample as `[batch, 1, 1, 1]`.
    func weights(_ weight: TimestepWeight) -> Tensor {
        Tensor(timesteps.map { Float(weight($0, in: schedule)) }, shape: [timesteps.count, 1, 1, 1])
    }
}
