import Autograd
import Tensor

/// A clipped step of an optimiser that processes share, which has not been taken yet.
package struct SharedUpdate {
    private let step: ClippedStep
    private let optimizer: Adam
    private let shared: SharedOptimizers

    init(_ step: ClippedStep, of optimizer: Adam, in shared: SharedOptimizers) {
        (self.step, self.optimizer, self.shared) = (step, optimizer, shared)
    }

    /// The global norm of the gradients before clipping.
    package var norm: Double { step.norm }

    /// Whether the step is known beforehand to leave finite weights finite.
    package var isCertainlyFinite: Bool { step.isCertainlyFinite }

    /// Takes the step and clears the gradients.
    ///
    /// - Parameters:
    ///   - name: the name in an error of what is updated.
    ///   - number: the number of the run's step.
    ///
    /// Throws ``RunError/nonFinite(step:tensor:count:)`` in all processes; parameters, moments and averages are unchanged then.
    package func apply(_ name: String, step number: Int) throws {
        guard shared.isSharded else { return try step.apply(name, step: number) }
        do {
            try step.apply(sum: shared.sum)
        } catch let error as NonFiniteUpdate {
            throw RunError.nonFinite(step: number, tensor: "\(name) after the update", count: error.count)
        }
        try shared.shareParameters(of: optimizer)
    }
}
