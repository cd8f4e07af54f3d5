import Autograd
import Tensor

/// The clamped alignment loss of SwiftBrush v2 (arXiv 2408.14176), with any differentiable reward.
///
/// L = λ_k n max(0, τ − R(D(x̂₀), y)): nothing is asked of a picture that fits well enough. λ falls evenly to 0 over a number of
/// steps; n is the number of a sample's elements, because the paper's mean is over samples.
public struct AlignmentTerm: DistillationLoss, Equatable {
    /// What runs record.
    public static let name = "clamped-alignment"

    /// λ at the first step.
    public var weight = 0.1
    /// After how many steps λ is 0; nil keeps it.
    public var decaySteps: Int?
    /// τ: 0.35 in SwiftBrush v2, 0.37 in SNOOPI, for CLIP ViT-B/32; nil for a reward that is never enough, as in DI*.
    public var threshold: Double? = 0.35
    /// Not read: the pictures are not noised.
    public var timesteps = 20..<981

    /// SwiftBrush v2's settings, with a constant λ.
    public init() {}

    /// A reward and the decoder before it.
    public var needs: LossNeeds { [.reward, .decoder] }

    /// g of each sample, `[batch, height, width, channels]`; reports `reward`, its mean.
    public func gradient(_ input: LossInput) -> LossGradient {
        let rewards = input.rewards()
        let left = decaySteps.map { max(0, 1 - Double(input.batch.step) / Double(max($0, 1))) } ?? 1
        let slope = -Float(weight * left) * input.elementCount
        let enough = threshold ?? .infinity
        let slopes = rewards.value.scalars.map { Double($0) < enough ? slope : 0 }
        let objective = rewards * Variable(Tensor(slopes, shape: rewards.shape))
        return LossGradient(input.gradient(of: objective), diagnostics: ["reward": rewards.value.mean()])
    }
}
