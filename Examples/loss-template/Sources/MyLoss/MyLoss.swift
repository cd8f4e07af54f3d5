import Autograd
import Distillation

/// One sentence that says what the loss does, and where it comes from.
///
/// g = ω(t) (ε_T − ε_F): put your formula here, and below in code.
public struct MyLoss: DistillationLoss {
    /// What runs record; two losses of one program must not share it.
    public static let name = "my-loss"

    /// ω.
    public var weight = TimestepWeight.noise
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The defaults.
    public init() {}

    /// What `gradient` reads; see `LossNeeds` for what there is.
    public var needs: LossNeeds { [.teacher, .fakeScore] }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        LossGradient((input.teacher.epsilon() - input.fakeScore.epsilon()) * input.weights(weight))
    }
}
