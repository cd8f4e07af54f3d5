import Tensor

/// Attention of several heads between projections of its input (arXiv 1706.03762). Parameters have transformers' keys: `q_proj`, `k_proj`,
/// `v_proj`, `out_proj`.
public struct MultiHeadAttention: Sendable {
    /// The projection of the input to queries.
    public let queries: Linear
    /// The projection of the context to keys.
    public let keys: Linear
    /// The projection of the context to values.
    public let values: Linear
    /// The projection of all heads' outputs.
    public let output: Linear
    private let heads: Int

    /// A layer with the parameters of `scope`.
    ///
    /// - Parameters:
    ///   - width: the width of input and output.
    ///   - heads: a divisor of the width.
    ///   - contextWidth: the width of the context; nil for `width`.
    ///   - hasBias: whether the projections have biases.
    ///   - scope: where the parameters are declared.
    public init(width: Int, heads: Int, contextWidth: Int? = nil, hasBias: Bool = true, in scope: ParameterScope) {
        require(
            heads >= 1 && width % heads == 0,
            "MultiHeadAttention: expected a width divisible by the \(heads) heads, found \(width)")
        func projection(_ name: String, from inputs: Int) -> Linear {
            Linear(inputs: inputs, outputs: width, hasBias: hasBias, in: scope[name])
        }
        let context = contextWidth ?? width
        (self.heads, queries) = (heads, projection("q_proj", from: width))
        (keys, values) = (projection("k_proj", from: context), projection("v_proj", from: context))
        output = projection("out_proj", from: width)
    }

    /// `[batch, positions, width]` → the same shape.
    ///
    /// - Parameters:
    ///   - x: the input.
    ///   - context: to what it attends, `[batch, places, context width]`; nil for itself.
    ///   - isCausal: whether a position attends only to itself and those before it.
    ///   - addend: added to the result; of the same shape.
    public func callAsFunction(
        _ x: Variable, context: Variable? = nil, isCausal: Bool = false, adding addend: Variable? = nil
    ) -> Variable {
        let context = context ?? x
        let attended = queries(x).attention(
            keys: keys(context), values: values(context), heads: heads, isCausal: isCausal)
        return output(attended, adding: addend)
    }
}
