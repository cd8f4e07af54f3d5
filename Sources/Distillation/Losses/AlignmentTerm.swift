import Autograd
import Tensor

/// The clamped alignment loss of SwiftBrush v2 (arXiv 2408.14176), with any differentiable reward.
///
/// L = λ_k n max(0, τ − R(D(x̂₀), y)): images whose reward reaches τ have no gradient. λ decreases linearly to 0 over a number of
/// steps; n is the number of elements per sample, because the paper's mean is over samples.
public struct AlignmentTerm: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "clamped-alignment"

    /// λ at the first step.
    public var weight = 0.1
    /// The number of steps after which λ is 0; nil for a constant λ.
    public var decaySteps: Int?
    /// τ: 0.35 in SwiftBrush v2, 0.37 in SNOOPI, for CLIP ViT-B/32; nil for no threshold, as in DI*.
    public var threshold: Double? = 0.35
    /// Ignored: the samples are not noised.
    public var timesteps = 20..<981

    /// SwiftBrush v2's settings, with a constant λ.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(weight, "weight", in: Self.weights)
    }

    /// A reward, and a decoder whose images it scores.
    public var needs: LossNeeds { [.reward, .decoder] }

    /// The loss with `mean` as its threshold; a loss without a threshold stays without.
    public func calibrated(toMeanReward mean: Double) -> AlignmentTerm {
        var term = self
        if threshold != nil { term.threshold = mean }
        return term
    }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`; reports `reward`, the mean reward.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        let rewards = try input.rewards()
        let remaining = decaySteps.map { max(0, 1 - Double(input.batch.step) / Double(max($0, 1))) } ?? 1
        let slope = -Float(weight * remaining) * input.elementCount
        let enough = threshold ?? .infinity
        let slopes = rewards.value.scalars.map { Double($0) < enough ? slope : 0 }
        let objective = rewards * Variable(Tensor(slopes, shape: rewards.shape))
        return LossGradient(input.gradient(of: objective), diagnostics: ["reward": rewards.value.mean()])
    }
}
