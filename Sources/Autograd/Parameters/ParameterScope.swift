import Tensor

/// A path prefix in a ``ParameterSet``, under which a layer declares its parameters and the scopes of its sublayers.
///
/// The keys are those of the checkpoints (diffusers', transformers'), so that loading is a lookup.
public struct ParameterScope: Sendable {
    /// The dotted path of this scope; empty at the root.
    public let path: String
    /// The set in which parameters are declared.
    public let parameters: ParameterSet
    let adapters: LowRankAdapterSet?

    /// The child scope `path.key`.
    public subscript(_ key: String) -> ParameterScope {
        ParameterScope(path: joined(key), parameters: parameters, adapters: adapters)
    }

    /// The child scope of a numbered layer, `path.index`.
    public subscript(_ index: Int) -> ParameterScope { self["\(index)"] }

    /// The parameter `path.name`, declared on first use and looked up afterwards; the shapes must agree.
    public func parameter(_ name: String, shape: [Int], initializer: Initializer) -> Parameter {
        parameters.parameter(joined(name), shape: shape, initializer: initializer)
    }

    /// The parameter `path.weight` of a linear layer or a convolution.
    func productWeight(shape: [Int], initializer: Initializer) -> Parameter {
        parameters.parameter(joined("weight"), shape: shape, initializer: initializer, isProductWeight: true)
    }

    /// The low-rank adapter of this scope's layer, whose weight has the given shape; nil when it has none.
    public func adapter(weightShape: [Int]) -> LowRankAdapter? {
        adapters?.adapter(at: path, weightShape: weightShape)
    }

    /// Whether a layer declared in this scope or below it has a low-rank adapter.
    public var hasAdapters: Bool {
        adapters?.parameters.all.contains { $0.path.hasPrefix(joined("")) } ?? false
    }

    private func joined(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
