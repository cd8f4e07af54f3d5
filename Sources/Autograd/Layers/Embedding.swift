import Tensor

/// A table of vectors, looked up by number.
public struct Embedding {
    /// `[count, width]`.
    public let weight: Parameter

    /// A layer whose parameter is `weight` of `scope`.
    public init(count: Int, width: Int, in scope: ParameterScope) {
        weight = scope.parameter("weight", shape: [count, width], initializer: .normal(deviation: 0.02))
    }

    /// The rows of `indices`, `[indices.count, width]`.
    public func callAsFunction(_ indices: [Int]) -> Variable { weight.variable.gathered(rows: indices) }
}
