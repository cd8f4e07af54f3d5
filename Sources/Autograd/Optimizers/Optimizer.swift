import Tensor

/// An optimiser, which updates parameters from their gradients.
public protocol Optimizer: AnyObject {
    /// The learning rate; schedules set it before each step.
    var learningRate: Double { get set }
    /// The parameters that are optimised.
    var parameters: [Parameter] { get }
    /// Updates every parameter that has a gradient, with all gradients multiplied by `factor`.
    func step(scalingGradientsBy factor: Float)
    /// The exact moments and step count, from which a run can be resumed.
    var state: OptimizerState { get set }
}

extension Optimizer {
    /// Updates every parameter that has a gradient.
    public func step() { step(scalingGradientsBy: 1) }

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
}
