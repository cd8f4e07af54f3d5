import Autograd
import Distillation

/// One sentence on what the loss does and where it comes from.
///
/// g = ω(t) (ε_T − ε_F): put your formula here, and below in code.
public struct MyLoss: DistillationLoss {
    /// The name under which runs record the loss; it must be unique in a program.
    public static let name = "my-loss"

    /// ω.
    public var weight = TimestepWeight.noise
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The default settings.
    public init() {}

    /// The inputs that `gradient` reads; see `LossNeeds` for all of them.
    public var needs: LossNeeds { [.teacher, .fakeScore] }

    /// g of each sample, `[batch, height, width, channels]`.
    public func gradient(_ input: LossInput) -> LossGradient {
        LossGradient((input.teacher.epsilon() - input.fakeScore.epsilon()) * input.weights(weight))
    }
}
