import Tensor

/// The initial value of a parameter before training.
public enum Initializer: Sendable, Hashable {
    /// All zeros.
    case zeros
    /// All ones.
    case ones
    /// All elements the same number.
    case constant(Float)
    /// U(−b, b) with b = 1/√fanIn: the default of PyTorch's linear and convolution layers (Kaiming, a = √5).
    case kaimingUniform(fanIn: Int)
    /// N(0, deviation²).
    case normal(deviation: Float)

    /// A tensor of `shape`, sampled from `stream` for random initialisers.
    func callAsFunction(_ shape: [Int], using stream: inout RandomStream) -> Tensor {
        switch self {
        case .zeros: return .zeros(shape)
        case .ones: return .ones(shape)
        case .constant(let value): return Tensor(repeating: value, shape: shape)
        case .kaimingUniform(let fanIn):
            let bound = 1 / Float(max(fanIn, 1)).squareRoot()
            return stream.uniform(shape, in: -bound..<bound)
        case .normal(let deviation): return stream.normal(shape) * deviation
        }
    }
}

/// A named tensor that networks share by reference: its value, whether it is trainable, and its gradient.
public final class Parameter {
    /// The key in the state dictionary, such as `down_blocks.0.resnets.1.conv1.weight`.
    public let path: String
    /// The shape, in PyTorch's layout.
    public let shape: [Int]
    /// The initialiser of its value.
    public let initializer: Initializer
    /// The value, nil until it is loaded or initialised.
    var storedValue: Tensor?
    private var leaf: Node?

    init(path: String, shape: [Int], initializer: Initializer) {
        self.path = path
        self.shape = shape
        self.initializer = initializer
    }

    /// Whether the parameter has a value.
    public var isInitialized: Bool { storedValue != nil }

    /// The value; reading it before it is loaded or initialised is a programming error.
    public var value: Tensor {
        get {
            guard let storedValue else { preconditionFailure("parameter \(path) was neither loaded nor initialised") }
            return storedValue
        }
        set {
            precondition(newValue.shape == shape, "parameter \(path): expected shape \(shape), found \(newValue.shape)")
            storedValue = newValue
        }
    }

    /// Whether the parameter receives gradients. Setting it to false discards the gradient.
    public var isTrainable: Bool {
        get { leaf != nil }
        set {
            if newValue != isTrainable { leaf = newValue ? Node(shape: shape) : nil }
        }
    }

    /// The accumulated gradient, nil when there is none.
    public var gradient: Tensor? {
        get { leaf?.gradient }
        set { leaf?.gradient = newValue }
    }

    /// The parameter as an operand of differentiable operations.
    public var variable: Variable { Variable(value, node: leaf) }

    /// Changes the value in place, without a copy if its storage is not shared.
    package func update(_ body: (inout Tensor) -> Void) {
        guard var taken = storedValue.take() else {
            preconditionFailure("parameter \(path) was neither loaded nor initialised")
        }
        body(&taken)
        storedValue = taken
    }
}
