import Autograd
import Tensor

/// What a loss makes of a judged batch.
public struct LossGradient: Sendable {
    /// g = ∂L/∂x̂₀ of each sample, `[batch, height, width, channels]`.
    public var value: Tensor
    /// Numbers that a run records beside its own, by name.
    public var diagnostics: [String: Double]
    /// What the loss is given again at the next step as ``GeneratedBatch/memory``, and what checkpoints keep.
    public var memory: [String: Tensor]

    /// A gradient of these parts.
    public init(_ value: Tensor, diagnostics: [String: Double] = [:], memory: [String: Tensor] = [:]) {
        (self.value, self.diagnostics, self.memory) = (value, diagnostics, memory)
    }

    /// The gradient that a variable's value is; nothing is differentiated.
    public init(_ value: Variable, diagnostics: [String: Double] = [:], memory: [String: Tensor] = [:]) {
        self.init(value.value, diagnostics: diagnostics, memory: memory)
    }
}

/// How the gradients of samples become one.
public enum GradientReduction: String, Codable, Sendable {
    /// Their mean over samples and elements, as SwiftBrush's and DMD's code.
    case elements
    /// Their mean over samples, each sample's elements summed, as SiD's code.
    case samples

    /// The factor on the gradient of `[batch, …]`.
    func divisor(for shape: [Int]) -> Float {
        switch self {
        case .elements: Float(shape.reduce(1, *))
        case .samples: Float(shape[0])
        }
    }
}
