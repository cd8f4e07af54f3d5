import Autograd
import Tensor

/// The gradient that a loss returns for a batch, with diagnostics and memory.
public struct LossGradient: Sendable {
    /// g = ∂L/∂x̂₀ of each sample, `[batch, height, width, channels]`.
    public var value: Tensor
    /// Values that the run's metrics record under these names.
    public var diagnostics: [String: Double]
    /// State that is passed to the loss at the next step as ``GeneratedBatch/memory`` and saved in checkpoints.
    public var memory: [String: Tensor]

    /// A gradient with its diagnostics and memory.
    public init(_ value: Tensor, diagnostics: [String: Double] = [:], memory: [String: Tensor] = [:]) {
        (self.value, self.diagnostics, self.memory) = (value, diagnostics, memory)
    }

    /// The value of a variable as the gradient; nothing is differentiated.
    public init(_ value: Variable, diagnostics: [String: Double] = [:], memory: [String: Tensor] = [:]) {
        self.init(value.value, diagnostics: diagnostics, memory: memory)
    }
}

/// A gradient that does not have the shape of x̂₀: the loss reduced it, or broadcast it.
public struct LossGradientError: Error, Equatable, CustomStringConvertible {
    /// The name of the loss.
    public let loss: String
    /// The shape of x̂₀.
    public let expected: [Int]
    /// The shape of the gradient.
    public let found: [Int]

    /// One sentence with both shapes.
    public var description: String { "gradient of \(loss): expected shape \(expected), that of x0, found \(found)" }
}

/// How per-sample gradients are reduced over the batch.
public enum GradientReduction: String, Codable, Sendable {
    /// The mean over samples and elements, as in the code of SwiftBrush and DMD.
    case elements
    /// The mean over samples of the sum over elements, as in SiD's code.
    case samples

    /// The number by which a gradient of shape `[batch, …]` is divided.
    func divisor(for shape: [Int]) -> Float {
        switch self {
        case .elements: Float(shape.reduce(1, *))
        case .samples: Float(shape[0])
        }
    }
}
