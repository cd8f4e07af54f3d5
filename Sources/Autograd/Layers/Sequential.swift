/// Layers that are applied one after the other.
///
/// ```swift
/// let block = Sequential(
///     { norm($0).silu() },
///     { convolution($0) })
/// ```
public struct Sequential {
    private let layers: [(Variable) -> Variable]

    /// The layers in this order, each a function of a variable.
    public init(_ layers: ((Variable) -> Variable)...) { self.layers = layers }

    /// Applies all layers.
    public func callAsFunction(_ x: Variable) -> Variable { layers.reduce(x) { $1($0) } }
}
