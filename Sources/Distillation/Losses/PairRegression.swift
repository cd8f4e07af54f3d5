import Autograd
import Tensor

/// DMD's regression towards the teacher's output for the same noise (arXiv 2311.18828), in latents.
///
/// g = λ 2 (x̂₀(z) − y(z)): the gradient of λ ‖x̂₀ − y‖². DMD compares decoded images by LPIPS; see ``PairRegression/isDecoded``.
public struct PairRegression: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "pair-regression"

    /// λ; DMD's is 0.25.
    public var weight = 0.25
    /// Whether decoded images are compared instead of latents, also by squared error.
    public var isDecoded = false
    /// Ignored: the samples are not noised.
    public var timesteps = 20..<981

    /// DMD's weight.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(weight, "weight", in: Self.weights)
    }

    /// Pairs, and a decoder if images are compared.
    public var needs: LossNeeds { isDecoded ? [.pairs, .decoder] : .pairs }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`; reports `regression`, the mean squared error.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        let error =
            isDecoded
            ? try input.pictures(of: input.original) - input.pictures(of: input.targets)
            : input.original - input.targets
        let square = error.squared()
        return LossGradient(
            input.gradient(of: square * Float(weight)), diagnostics: ["regression": square.value.mean()])
    }
}
