import Tensor

/// The LoRA adapter (arXiv 2106.09685) of one linear layer or convolution, which adds scale · B(A x) to the layer's output.
///
/// For a convolution, A is a convolution to `rank` channels with the layer's kernel size, and B a 1×1 convolution.
public struct LowRankAdapter: Sendable {
    /// A, `[rank, inputs]`, or for a convolution `[rank, inputs, height, width]`.
    public let down: Parameter
    /// B, `[outputs, rank]`, or for a convolution `[outputs, rank, 1, 1]`; zero at the start, so that a new adapter changes
    /// nothing.
    public let up: Parameter
    /// The factor on B A x, alpha / rank.
    public let scale: Float

    /// Whether adding B · A to the layer's weight costs less than applying both factors to `rows` rows or pixels.
    func isWorthMerging(rows: Int) -> Bool {
        let (outputs, depth) = (up.shape[0], down.shape.dropFirst().reduce(1, *))
        return outputs * depth <= rows * (outputs + depth)
    }

    /// The layer's weight with the adapter merged in, W + scale · B · A; gradients flow into all three.
    func merged(into weight: Parameter) -> Variable {
        let rank = down.shape[0]
        let product = up.variable.reshaped(to: [up.shape[0], rank]).matmul(down.variable.reshaped(to: [rank, -1]))
        // Frozen weights of 8 or 16 bits are widened for this use only.
        let base = weight.isTrainable ? weight.variable : Variable(weight.value.widened())
        return base + product.reshaped(to: weight.shape) * scale
    }

    /// The adapter's contribution to a linear layer's output, `[…, inputs]` → `[…, outputs]`.
    func callAsFunction(_ x: Variable) -> Variable {
        (x.linear(weight: down.variable, bias: nil) * scale).linear(weight: up.variable, bias: nil)
    }
}
