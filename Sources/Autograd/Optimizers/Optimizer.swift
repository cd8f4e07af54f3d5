import Tensor

/// Changes parameters by their gradients.
public protocol Optimizer: AnyObject {
    /// The step size; schedules set it before each step.
    var learningRate: Double { get set }
    /// The parameters it changes.
    var parameters: [Parameter] { get }
    /// Changes every parameter that has a gradient.
    func step()
    /// The moments and the step count, exactly: what a resumed run needs.
    var state: OptimizerState { get set }
}

extension Optimizer {
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

/// Scales the gradients together so that their global norm is at most `maximum`, as torch's `clip_grad_norm_` does.
///
/// Returns the norm before.
@discardableResult
public func clipGradientNorm(_ parameters: [Parameter], to maximum: Double) -> Double {
    let norm = parameters.reduce(0.0) { $0 + ($1.gradient?.squaredNorm() ?? 0) }.squareRoot()
    let scale = maximum / (norm + 1e-6)
    // A norm that is not a number scales nothing: the caller sees it and decides.
    if scale < 1 {
        for parameter in parameters where parameter.gradient != nil { parameter.scaleGradient(by: Float(scale)) }
    }
    return norm
}
