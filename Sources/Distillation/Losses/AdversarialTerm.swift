import Autograd
import Tensor

/// DMD2's adversarial term (arXiv 2405.14867), non-saturating, on noised samples.
///
/// L = λ n softplus(−D(x_t)), g = −λ n sigmoid(−D) ∂D/∂x̂₀; n is the number of elements per sample, because DMD2's mean
/// is over samples.
public struct AdversarialTerm: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "adversarial"

    /// λ; DMD2's is 1e-3 on Stable Diffusion 1.5, 5e-3 on SDXL.
    public var weight = 1e-3
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 0..<1000

    /// DMD2's settings on Stable Diffusion 1.5.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(weight, "weight", in: Self.weights)
    }

    /// A discriminator, and the real latents that it is trained on.
    public var needs: LossNeeds { [.discriminator, .realLatents] }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`; reports `realness`, the mean of sigmoid(D).
    public func gradient(_ input: LossInput) throws -> LossGradient {
        let logits = try input.discriminatorLogits()
        let objective = (-logits).softplus() * (Float(weight) * input.elementCount)
        return LossGradient(
            input.gradient(of: objective), diagnostics: ["realness": logits.value.sigmoid().mean()])
    }
}
