import Autograd
import Tensor

extension ClippedStep {
    /// The optimiser's clipped step in a step of a run.
    ///
    /// - Parameters:
    ///   - optimizer: the optimiser.
    ///   - limit: the largest global norm of the gradients.
    ///   - name: the gradients' name in an error.
    ///   - number: the number of the run's step.
    ///
    /// Throws ``RunError/nonFinite(step:tensor:count:)``.
    package init(of optimizer: any Optimizer, limit: Double, _ name: String, step number: Int) throws {
        do {
            try self.init(of: optimizer, limit: limit)
        } catch let error as NonFiniteGradients {
            throw RunError.nonFinite(step: number, tensor: name, count: error.count)
        }
    }

    /// Takes the step and clears the gradients.
    ///
    /// - Parameters:
    ///   - name: the name in an error of what is updated.
    ///   - number: the number of the run's step.
    ///
    /// Throws ``RunError/nonFinite(step:tensor:count:)``; parameters, moments and averages are unchanged then.
    package func apply(_ name: String, step number: Int) throws(RunError) {
        do {
            try apply()
        } catch {
            throw RunError.nonFinite(step: number, tensor: "\(name) after the update", count: error.count)
        }
    }
}

extension Tensor {
    /// Throws ``RunError/nonFinite(step:tensor:count:)`` if a number in it is infinite or not a number.
    package func checkFinite(_ name: String, step number: Int) throws(RunError) {
        let count = nonFiniteCount()
        if count > 0 { throw RunError.nonFinite(step: number, tensor: name, count: count) }
    }
}
