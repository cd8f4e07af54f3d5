import Tensor

/// A source of parameters: named tensors in PyTorch's layout.
public protocol CheckpointTensors {
    /// All names.
    var names: [String] { get }
    /// The shape of the tensor `name`, nil when there is none.
    func shape(of name: String) -> [Int]?
    /// The tensor `name`, in its stored type or in Float32. Throws when it cannot be read.
    func tensor(_ name: String) throws -> Tensor
}

extension SafetensorsFile: CheckpointTensors {
    /// The shape of a tensor in the file.
    public func shape(of name: String) -> [Int]? { info(name)?.shape }
}

extension Dictionary: CheckpointTensors where Key == String, Value == Tensor {
    /// The names, sorted.
    public var names: [String] { keys.sorted() }
    /// The shape of a tensor in the dictionary.
    public func shape(of name: String) -> [Int]? { self[name]?.shape }
    /// The tensor `name`. Throws ``ParameterLoadingError`` when there is none.
    public func tensor(_ name: String) throws -> Tensor {
        guard let tensor = self[name] else { throw ParameterLoadingError(missing: [name]) }
        return tensor
    }
}

/// All keys that prevent a checkpoint from being loaded.
public struct ParameterLoadingError: Error, Equatable, CustomStringConvertible {
    /// A tensor whose shape differs from the parameter's, both in PyTorch's layout.
    public struct ShapeMismatch: Equatable, Sendable {
        /// The key.
        public let name: String
        /// The parameter's shape.
        public let expected: [Int]
        /// The tensor's shape.
        public let found: [Int]

        /// Creates a mismatch.
        public init(name: String, expected: [Int], found: [Int]) {
            (self.name, self.expected, self.found) = (name, expected, found)
        }
    }

    /// Parameters that are missing from the checkpoint.
    public var missing: [String]
    /// Tensors that the network has no parameter for.
    public var unexpected: [String]
    /// Tensors whose shape differs from their parameter's.
    public var mismatched: [ShapeMismatch]

    /// Creates an error with these keys.
    public init(missing: [String] = [], unexpected: [String] = [], mismatched: [ShapeMismatch] = []) {
        (self.missing, self.unexpected, self.mismatched) = (missing, unexpected, mismatched)
    }

    /// One line per key, at most eight of each kind.
    public var description: String {
        let wrong = mismatched.map { "\($0.name): expected \($0.expected), found \($0.found)" }
        let lines = [("missing", missing), ("unexpected", unexpected), ("shape", wrong)].flatMap { kind, keys in
            keys.prefix(8).map { "\(kind): \($0)" } + (keys.count > 8 ? ["\(kind): \(keys.count - 8) more"] : [])
        }
        return "the checkpoint does not fit the network:\n  " + lines.joined(separator: "\n  ")
    }
}

/// Parameters of a model were to be changed in place.
public struct ReadOnlyParametersError: Error, Equatable, CustomStringConvertible {
    /// One sentence.
    public var description: String {
        "expected parameters that can be changed, found those of a model, which are read-only: change a copy, "
            + "copy(trainable:), and give it to the model"
    }
}

extension ParameterSet {
    /// Throws ``ReadOnlyParametersError`` for a read-only set.
    package func checkIsChangeable() throws {
        if isReadOnly { throw ReadOnlyParametersError() }
    }

    /// Loads every parameter, or none: all keys and shapes are checked first, and a later failure restores the previous values.
    ///
    /// Matrices and kernels keep their stored type; vectors, which are small, become Float32.
    ///
    /// - Parameters:
    ///   - checkpoint: the tensors.
    ///   - isIgnored: whether a key without a parameter is ignored, as needed for some old files.
    ///
    /// Throws ``ParameterLoadingError`` with every missing, unexpected and wrong-shaped key, ``ReadOnlyParametersError`` for a read-only
    /// set, and rethrows errors of `checkpoint`.
    public func load(
        _ checkpoint: some CheckpointTensors, ignoring isIgnored: (String) -> Bool = { _ in false }
    ) throws {
        try checkIsChangeable()
        var error = ParameterLoadingError()
        for parameter in all {
            let expected = parameter.shape
            switch checkpoint.shape(of: parameter.path) {
            case nil: error.missing.append(parameter.path)
            case let found? where found != expected:
                error.mismatched.append(.init(name: parameter.path, expected: expected, found: found))
            default: break
            }
        }
        error.unexpected = checkpoint.names.filter { self[$0] == nil && !isIgnored($0) }
        guard error == ParameterLoadingError() else { throw error }
        let before = all.map(\.storedValue)
        do {
            for parameter in all {
                let tensor = try checkpoint.tensor(parameter.path)
                parameter.value = tensor.rank > 1 ? tensor : tensor.widened()
            }
        } catch {
            for (parameter, value) in zip(all, before) { parameter.storedValue = value }
            throw error
        }
    }

    /// All parameters by path.
    public func checkpointTensors() -> [(name: String, tensor: Tensor)] { all.map { ($0.path, $0.value) } }
}
