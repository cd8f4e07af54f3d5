import Tensor

/// A table of embedding vectors, looked up by index.
public struct Embedding: Sendable {
    /// The table, `[count, width]`.
    public let weight: Parameter

    /// A layer whose parameter is `weight` of `scope`.
    public init(count: Int, width: Int, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [count, width], initializer: .normal(deviation: 0.02))
    }

    /// The rows of `indices`, `[indices.count, width]`.
    public func callAsFunction(_ indices: [Int]) -> Variable { weight.variable.gathered(rows: indices) }
}
