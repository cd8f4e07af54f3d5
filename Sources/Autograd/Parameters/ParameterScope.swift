import Tensor

/// A place in a ``ParameterSet``, from which a layer declares its parameters and passes places on to its own layers.
///
/// The keys are the checkpoint's own (diffusers', transformers'), so that loading is a lookup.
public struct ParameterScope {
    /// The dotted path so far; empty at the root.
    public let path: String
    /// The set that the parameters belong to.
    package let parameters: ParameterSet
    let adapters: LowRankAdapterSet?

    /// The place below, `path.key`.
    public subscript(_ key: String) -> ParameterScope {
        ParameterScope(path: joined(key), parameters: parameters, adapters: adapters)
    }

    /// The place below of a numbered layer, `path.index`.
    public subscript(_ index: Int) -> ParameterScope { self["\(index)"] }

    /// The parameter `path.name`: declared on first use, found again afterwards; the shapes must agree.
    public func parameter(_ name: String, shape: [Int], initializer: Initializer) -> Parameter {
        parameters.parameter(joined(name), shape: shape, initializer: initializer)
    }

    /// The low-rank adapter of the layer at this place whose weight has the given shape, nil when it has none.
    public func adapter(weightShape: [Int]) -> LowRankAdapter? {
        adapters?.adapter(at: path, weightShape: weightShape)
    }

    /// Whether a layer that was declared at this place or below it has a low-rank adapter.
    public var hasAdapters: Bool {
        adapters?.parameters.all.contains { $0.path.hasPrefix(joined("")) } ?? false
    }

    private func joined(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
