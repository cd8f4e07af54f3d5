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
///
/// Several tasks may use a parameter at once: every access is guarded by a lock. The parameters of a model are read-only.
public final class Parameter: Sendable {
    /// The key in the state dictionary, such as `down_blocks.0.resnets.1.conv1.weight`.
    public let path: String
    /// The shape, in PyTorch's layout.
    public let shape: [Int]
    /// The initialiser of its value.
    public let initializer: Initializer
    /// Whether it is the weight of a linear layer or a convolution, which products read in any stored type.
    package let isProductWeight: Bool

    private struct State: Sendable {
        /// Nil until it is loaded or initialised.
        var value: Tensor?
        var leaf: Node?
        var isReadOnly = false
    }
    private let state = Lock(State())

    init(path: String, shape: [Int], initializer: Initializer, isProductWeight: Bool) {
        self.isProductWeight = isProductWeight
        self.path = path
        self.shape = shape
        self.initializer = initializer
    }

    /// Whether the parameter has a value.
    public var isInitialized: Bool { storedValue != nil }

    /// Whether the value can no longer be changed, nor the parameter made trainable: see ``ParameterSet/makeReadOnly()``.
    public var isReadOnly: Bool { state.withLock { $0.isReadOnly } }

    /// The value, nil until it is loaded or initialised. The elements that an optimiser updates here, flat, in an average that is divided
    /// among processes: see ``Adam/shard``.
    package var storedValue: Tensor? {
        get { state.withLock { $0.value } }
        set { change { $0.value = newValue } }
    }

    /// The value; reading it before it is loaded or initialised is a programming error, and so is changing a read-only one.
    public var value: Tensor {
        get {
            guard let storedValue else { missingValue() }
            return storedValue
        }
        set {
            require(newValue.shape == shape, "parameter \(path): expected shape \(shape), found \(newValue.shape)")
            storedValue = newValue
        }
    }

    /// Whether the parameter receives gradients. Setting it to false discards the gradient.
    public var isTrainable: Bool {
        get { state.withLock { $0.leaf != nil } }
        set {
            if newValue != isTrainable { change { $0.leaf = newValue ? Node(shape: shape) : nil } }
        }
    }

    /// The accumulated gradient, nil when there is none.
    public var gradient: Tensor? {
        get { state.withLock { $0.leaf }?.gradient }
        set { state.withLock { $0.leaf }?.gradient = newValue }
    }

    /// The parameter as an operand of differentiable operations.
    public var variable: Variable {
        let (value, leaf) = state.withLock { ($0.value, $0.leaf) }
        guard let value else { missingValue() }
        return Variable(value, node: leaf)
    }

    /// Changes the value in place, without a copy if its storage is not shared.
    package func update(_ body: (inout Tensor) -> Void) {
        change { state in
            guard var taken = state.value.take() else { missingValue() }
            body(&taken)
            state.value = taken
        }
    }

    func makeReadOnly() {
        state.withLock {
            $0.isReadOnly = true
            $0.leaf = nil
        }
    }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            require(
                !state.isReadOnly,
                "parameter \(path): expected one that can be changed, found a model's, which is read-only; change a copy"
            )
            body(&state)
        }
    }

    private func missingValue() -> Never {
        fatalError("parameter \(path) was neither loaded nor initialised")
    }
}
