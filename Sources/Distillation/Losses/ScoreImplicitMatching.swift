import Autograd
import DiffusionModels

/// Score implicit matching (SIM, arXiv 2410.16794), with gradients through both networks.
///
/// L = −w(t) d′(y)·(s_F − ∇ log q(x_t|x̂₀)), y = s_F − s_T, d(y) = √(‖y‖² + c²) − c, d′ = y/√(‖y‖² + c²);
/// ∇ log q(x_t|x̂₀) = −ε/σ.
public struct ScoreImplicitMatching: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "score-implicit-matching"

    /// d, a distance of scores.
    public enum Distance: Codable, Sendable, Equatable {
        /// ½‖y‖², with which SIM is α²/σ⁴ times SiD.
        case squared
        /// √(‖y‖² + c²) − c, over a sample's elements.
        case pseudoHuber(Double)
    }

    /// d; c grows with the number n of elements as 0.00054 √n (arXiv 2310.14189), which is 0.03 for 32 × 32 × 3.
    public var distance = Distance.pseudoHuber(0.03)
    /// κ of the teacher.
    public var teacherGuidanceScale = 1.0
    /// w.
    public var weight = TimestepWeight.one
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// SIM's settings without guidance.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// Predictions of teacher and fake score, and gradients through both.
    public var needs: LossNeeds {
        [.teacher(guidedBy: teacherGuidanceScale), .teacherJacobian, .fakeScore, .fakeScoreJacobian]
    }

    /// Unweighted noise prediction; the paper trains a full copy of the teacher.
    public var usualFakeScoreTraining: FakeScoreTraining { .plain }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        let fake = input.fakeScore.score()
        let difference = fake - input.teacher.score(guidedBy: teacherGuidanceScale)
        let slope: Variable
        switch distance {
        case .squared: slope = difference
        case .pseudoHuber(let c):
            let norm = difference.squared().sum(alongAxes: [1, 2, 3], keepingDimensions: true) + Float(c * c)
            slope = difference / norm.squareRoot()
        }
        let objective = -(slope * (fake + input.noise / input.sigma)) * input.weights(weight)
        return LossGradient(input.gradient(of: objective))
    }
}
