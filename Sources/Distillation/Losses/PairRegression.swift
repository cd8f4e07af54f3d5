import Autograd
import Tensor

/// DMD's regression towards what the teacher makes of the same noise (arXiv 2311.18828), in latents.
///
/// g = λ 2 (x̂₀(z) − y(z)): the gradient of λ ‖x̂₀ − y‖². DMD compares decoded pictures by LPIPS; see ``PairRegression/isDecoded``.
public struct PairRegression: DistillationLoss, Equatable {
    /// What runs record.
    public static let name = "pair-regression"

    /// λ; DMD's is 0.25.
    public var weight = 0.25
    /// Whether the decoded pictures are compared instead of the latents, by the same squares.
    public var isDecoded = false
    /// Not read: the pictures are not noised.
    public var timesteps = 20..<981

    /// DMD's weight.
    public init() {}

    /// Pairs, and a decoder where pictures are compared.
    public var needs: LossNeeds { isDecoded ? [.pairs, .decoder] : .pairs }

    /// g of each sample, `[batch, height, width, channels]`; reports `regression`, the mean squared error.
    public func gradient(_ input: LossInput) -> LossGradient {
        let error =
            isDecoded
            ? input.pictures(of: input.original) - input.pictures(of: input.targets)
            : input.original - input.targets
        let square = error.squared()
        return LossGradient(
            input.gradient(of: square * Float(weight)), diagnostics: ["regression": square.value.mean()])
    }
}
