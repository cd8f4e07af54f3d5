import Tensor

/// An optimiser's step whose gradients are finite and clipped, and which has not been taken yet.
public struct ClippedStep {
    /// The global norm of the gradients before clipping.
    public let norm: Double
    private let factor: Float
    private let optimizer: any Optimizer

    /// The step that clips the optimiser's gradients to a global norm of `limit`, as torch's `clip_grad_norm_` does, but without a pass
    /// over memory of its own.
    ///
    /// Throws ``NonFiniteGradients``; the parameters are unchanged then.
    public init(of optimizer: any Optimizer, limit: Double = .infinity) throws(NonFiniteGradients) {
        norm = optimizer.parameters.reduce(0.0) { $0 + ($1.gradient?.squaredNorm() ?? 0) }.squareRoot()
        guard norm.isFinite else {
            throw NonFiniteGradients(
                count: optimizer.parameters.reduce(0) { $0 + ($1.gradient?.nonFiniteCount() ?? 0) })
        }
        let scale = limit / (norm + 1e-6)
        (factor, self.optimizer) = (scale < 1 ? Float(scale) : 1, optimizer)
    }

    /// Takes the step and clears the gradients.
    public func apply() {
        optimizer.step(scalingGradientsBy: factor)
        optimizer.zeroGradients()
    }
}

/// Gradients that are infinite or not a number.
public struct NonFiniteGradients: Error, Equatable, CustomStringConvertible {
    /// The number of such values.
    public let count: Int

    /// Gradients with `count` such values.
    public init(count: Int) { self.count = count }

    /// One sentence with the number of values.
    public var description: String {
        "gradients: expected finite numbers, found \(count) that are infinite or not a number"
    }
}
