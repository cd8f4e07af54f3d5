import Autograd
import Distillation
import Tensor

extension Adam {
    /// Clips the gradients, takes a step and clears them. Returns the norm before clipping.
    ///
    /// Throws `DistillationError.nonFinite(step:tensor:count:)` for a loss or gradient that is not finite, before the weights change.
    func clippedStep(loss: Tensor, limit: Double, step number: Int) throws -> Double {
        defer { zeroGradients() }
        guard loss.item.isFinite else { throw DistillationError.nonFinite(step: number, tensor: "the loss", count: 1) }
        let (norm, factor) = gradientNorm(of: parameters, clippedTo: limit)
        guard norm.isFinite else {
            let count = parameters.reduce(0) { $0 + ($1.gradient?.nonFiniteCount() ?? 0) }
            throw DistillationError.nonFinite(step: number, tensor: "the gradient", count: count)
        }
        step(scalingGradientsBy: factor)
        return norm
    }
}
