import Tensor

/// An optimiser, which updates parameters from their gradients.
public protocol Optimizer: AnyObject {
    /// The learning rate; schedules set it before each step.
    var learningRate: Double { get set }
    /// The parameters that are optimised.
    var parameters: [Parameter] { get }
    /// Moving averages that every step updates too. The default is none.
    var averages: [ExponentialMovingAverage] { get }
    /// Updates every parameter that has a gradient, with all gradients multiplied by `factor`. Whether the result is finite is not
    /// checked here: ``step()`` and ``ClippedStep`` do.
    ///
    /// - Parameters:
    ///   - factor: the factor on all gradients.
    ///   - norm: the global norm of the gradients after that.
    func step(scalingGradientsBy factor: Float, norm: Double)
    /// An upper bound on every moment after a step with gradients of this global norm, and on every change of a weight. The default is
    /// infinity, with which a step is only known to be finite after it was taken, at the cost of a copy of everything that it changes.
    func bound(ofStepWithNorm norm: Double) -> Double
    /// The exact moments and step count, from which a run can be resumed.
    var state: OptimizerState { get set }
}

extension Optimizer {
    /// None.
    public var averages: [ExponentialMovingAverage] { [] }

    /// Infinity.
    public func bound(ofStepWithNorm norm: Double) -> Double { .infinity }

    /// Updates every parameter that has a gradient.
    ///
    /// Throws ``NonFiniteGradients`` or ``NonFiniteUpdate``; parameters, moments and averages are unchanged then.
    public func step() throws { try ClippedStep(of: self).take() }

    /// Clears the gradients.
    public func zeroGradients() { parameters.forEach { $0.gradient = nil } }
}

/// The state of an optimiser between steps.
public struct OptimizerState: Sendable {
    /// The number of steps taken.
    public var stepCount: Int
    /// Moments by name, `<moment>.<parameter path>`.
    public var tensors: [String: Tensor]

    /// Creates a state.
    public init(stepCount: Int, tensors: [String: Tensor]) {
        (self.stepCount, self.tensors) = (stepCount, tensors)
    }

    /// The largest absolute value of the moments whose names begin with `prefix`; 0 without any.
    func largest(_ prefix: String) -> Double {
        tensors.lazy.filter { $0.key.hasPrefix(prefix) && $0.value.count > 0 }
            .map { Double($0.value.absolute().maximum()) }.max() ?? 0
    }
}
