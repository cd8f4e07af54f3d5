import Tensor

/// All parameters of a network by dotted path, in the order in which its layers declared them.
///
/// Networks are made from a ``ParameterScope`` of a set. Two networks over one set share their weights; a copy of the set
/// makes them part.
public final class ParameterSet {
    /// The paths, in declaration order.
    public private(set) var paths: [String] = []
    private var parameters: [String: Parameter] = [:]

    /// An empty set, which the first network made from it fills.
    public init() {}

    /// The root, from which layers declare or find their parameters.
    public var scope: ParameterScope { ParameterScope(path: "", parameters: self, adapters: nil) }

    /// The root for a network over the same weights with low-rank adapters beside some of them.
    public func scope(adapters: LowRankAdapterSet) -> ParameterScope {
        ParameterScope(path: "", parameters: self, adapters: adapters)
    }

    /// The parameter of a path, nil when there is none.
    public subscript(path: String) -> Parameter? { parameters[path] }

    /// All parameters, in declaration order.
    public var all: [Parameter] { paths.compactMap { parameters[$0] } }

    /// The number of scalars in all parameters.
    public var scalarCount: Int { all.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// The bytes of all values as they are stored; parameters without one do not count.
    public var storedByteCount: Int {
        all.reduce(0) { $0 + ($1.storedValue.map { $0.count * $0.scalarType.byteCount } ?? 0) }
    }

    /// Finds the parameter of `path` or declares it.
    func parameter(_ path: String, shape: [Int], initializer: Initializer) -> Parameter {
        if let found = parameters[path] {
            precondition(found.shape == shape, "parameter \(path): declared as \(found.shape), wanted as \(shape)")
            return found
        }
        let parameter = Parameter(path: path, shape: shape, initializer: initializer)
        parameters[path] = parameter
        paths.append(path)
        return parameter
    }

    /// A set of the same paths and values that shares nothing with this one.
    public func copy(trainable: Bool) -> ParameterSet {
        let result = ParameterSet()
        for source in all {
            let target = result.parameter(source.path, shape: source.shape, initializer: source.initializer)
            if source.isInitialized { target.value = source.value }
            target.isTrainable = trainable
        }
        return result
    }

    /// Gives every parameter the start that its layer names, in declaration order.
    public func initialize(using stream: inout RandomStream) {
        for parameter in all { parameter.value = parameter.initializer(parameter.shape, using: &stream) }
    }

    /// Ends training: nothing flows back into these parameters any more.
    public func freeze() { all.forEach { $0.isTrainable = false } }

    /// Lets backward passes reach every parameter.
    public func unfreeze() { all.forEach { $0.isTrainable = true } }

    /// Forgets the gradients.
    public func zeroGradients() { all.forEach { $0.gradient = nil } }
}
