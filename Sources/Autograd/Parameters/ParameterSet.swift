import Tensor

/// All parameters of a network by dotted path, in the order in which its layers declare them.
///
/// Networks are made from a ``ParameterScope`` of a set. Two networks over one set share their weights; use ``copy(trainable:)``
/// for independent weights. The set of a model is read-only, so that tasks and copies of the model can share it.
public final class ParameterSet: Sendable {
    private struct State: Sendable {
        var paths: [String] = []
        var parameters: [String: Parameter] = [:]
        var isReadOnly = false
    }
    private let state = Lock(State())

    /// The paths, in declaration order.
    public var paths: [String] { state.withLock { $0.paths } }

    /// An empty set, filled by the first network made from it.
    public init() {}

    /// The root scope, in which layers declare or look up their parameters.
    public var scope: ParameterScope { ParameterScope(path: "", parameters: self, adapters: nil) }

    /// The root scope for a network over the same weights with low-rank adapters on some layers.
    public func scope(adapters: LowRankAdapterSet) -> ParameterScope {
        ParameterScope(path: "", parameters: self, adapters: adapters)
    }

    /// The parameter at `path`, nil when there is none.
    public subscript(path: String) -> Parameter? { state.withLock { $0.parameters[path] } }

    /// All parameters, in declaration order.
    public var all: [Parameter] { state.withLock { state in state.paths.compactMap { state.parameters[$0] } } }

    /// The number of scalars in all parameters.
    public var scalarCount: Int { all.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// The bytes of all values as stored; parameters without a value do not count.
    public var storedByteCount: Int {
        all.reduce(0) { $0 + ($1.storedValue?.storedByteCount ?? 0) }
    }

    /// Looks up the parameter at `path` or declares it.
    func parameter(
        _ path: String, shape: [Int], initializer: Initializer, isProductWeight: Bool = false
    ) -> Parameter {
        state.withLock { state in
            if let found = state.parameters[path] {
                require(
                    found.shape == shape, "parameter \(path): declared as \(found.shape), requested as \(shape)")
                return found
            }
            require(
                !state.isReadOnly, "parameter \(path): expected one of a read-only set, found none of this path")
            let parameter = Parameter(
                path: path, shape: shape, initializer: initializer, isProductWeight: isProductWeight)
            state.parameters[path] = parameter
            state.paths.append(path)
            return parameter
        }
    }

    /// Whether the parameters can no longer be changed.
    public var isReadOnly: Bool { state.withLock { $0.isReadOnly } }

    /// Fixes the parameters for good: they are frozen, and changing a value, making one trainable or loading a checkpoint is refused. A
    /// copy, ``copy(trainable:)``, can be changed.
    public func makeReadOnly() {
        let parameters = state.withLock { state in
            state.isReadOnly = true
            return state.parameters
        }
        parameters.values.forEach { $0.makeReadOnly() }
    }

    /// A copy with the same paths and values that can be changed independently of this set.
    public func copy(trainable: Bool) -> ParameterSet {
        let result = ParameterSet()
        for source in all {
            let target = result.parameter(
                source.path, shape: source.shape, initializer: source.initializer,
                isProductWeight: source.isProductWeight)
            if let value = source.storedValue { target.value = value }
            target.isTrainable = trainable
        }
        return result
    }

    /// Whether both sets have the same paths with the same shapes.
    package func hasShapes(of other: ParameterSet) -> Bool {
        func shapes(_ set: ParameterSet) -> [String: [Int]] {
            Dictionary(set.all.map { ($0.path, $0.shape) }, uniquingKeysWith: { first, _ in first })
        }
        return shapes(self) == shapes(other)
    }

    /// Initialises every parameter by its layer's initialiser, in declaration order.
    public func initialize(using stream: inout RandomStream) {
        for parameter in all { parameter.value = parameter.initializer(parameter.shape, using: &stream) }
    }

    /// Freezes all parameters: they receive no gradients.
    public func freeze() { all.forEach { $0.isTrainable = false } }

    /// Makes all parameters trainable. For a read-only set this is a programming error.
    public func unfreeze() { all.forEach { $0.isTrainable = true } }

    /// Clears the gradients.
    public func zeroGradients() { all.forEach { $0.gradient = nil } }
}
