import Tensor

/// Changes parameters by their gradients.
public protocol Optimizer: AnyObject {
    /// The step size; schedules set it before each step.
    var learningRate: Double { get set }
    /// The parameters it changes.
    var parameters: [Parameter] { get }
    /// Changes every parameter that has a gradient, as if the gradients were `factor` times what they are.
    func step(scalingGradientsBy factor: Float)
    /// The moments and the step count, exactly: what a resumed run needs.
    var state: OptimizerState { get set }
}

extension Optimizer {
    /// Changes every parameter that has a gradient.
    public func step() { step(scalingGradientsBy: 1) }

    /// Forgets the gradients.
    public func zeroGradients() { parameters.forEach { $0.gradient = nil } }
}

/// What an optimiser remembers between steps.
public struct OptimizerState: Sendable {
    /// Steps taken.
    public var stepCount: Int
    /// Moments by name, `<moment>.<parameter path>`.
    public var tensors: [String: Tensor]

    /// A state of these parts.
    public init(stepCount: Int, tensors: [String: Tensor]) {
        (self.stepCount, self.tensors) = (stepCount, tensors)
    }
}

/// The gradients' global norm, and the factor that an optimiser's step scales them by so that it is at most `maximum`: torch's
/// `clip_grad_norm_` without a pass over memory of its own. The factor of a norm that is not a number is 1.
public func gradientNorm(of parameters: [Parameter], clippedTo maximum: Double) -> (norm: Double, factor: Float) {
    let norm = parameters.reduce(0.0) { $0 + ($1.gradient?.squaredNorm() ?? 0) }.squareRoot()
    let factor = maximum / (norm + 1e-6)
    return (norm, factor < 1 ? Float(factor) : 1)
}
