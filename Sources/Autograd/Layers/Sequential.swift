/// Layers that are applied one after the other.
///
/// ```swift
/// let block = Sequential(
///     { norm($0).silu() },
///     { convolution($0) })
/// ```
public struct Sequential: Sendable {
    private let layers: [@Sendable (Variable) -> Variable]

    /// The layers in this order, each a function of a variable.
    public init(_ layers: (@Sendable (Variable) -> Variable)...) { self.layers = layers }

    /// Applies all layers.
    public func callAsFunction(_ x: Variable) -> Variable { layers.reduce(x) { $1($0) } }
}
