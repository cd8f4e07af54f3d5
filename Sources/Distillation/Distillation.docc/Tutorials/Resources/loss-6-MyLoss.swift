import Autograd
import Distillation

/// Weights the difference of the two predictions by a power of the noise level.
///
/// g = σᵖ (ε_T − ε_F).
public struct PowerScoreDistillation: DistillationLoss {
    /// The name under which runs record the loss.
    public static let name = "power-score-distillation"

    /// p.
    public var power = 1.5
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The default settings.
    public init() {}

    /// Both predictions, without guidance.
    public var needs: LossNeeds { [.teacher, .fakeScore] }

    /// g of each sample.
    public func gradient(_ input: LossInput) -> LossGradient {
        let difference = input.teacher.epsilon() - input.fakeScore.epsilon()
        return LossGradient(difference * input.sigma.raised(to: Float(power)))
    }
}
