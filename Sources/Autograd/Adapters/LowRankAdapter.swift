import Tensor

/// LoRA (arXiv 2106.09685) beside one linear layer or convolution: scale · B(A x).
///
/// Of a convolution A is one to `rank` channels with the layer's kernel size, and B one of size 1.
public struct LowRankAdapter {
    /// A, `[rank, inputs]`, or of a convolution `[rank, inputs, height, width]`.
    public let down: Parameter
    /// B, `[outputs, rank]`, or of a convolution `[outputs, rank, 1, 1]`; zero at the start, so that a new adapter changes
    /// nothing.
    public let up: Parameter
    /// alpha / rank.
    public let scale: Float

    /// Whether B · A added to the layer's weight is less work than both factors applied to `rows` rows or pixels.
    func isWorthMerging(rows: Int) -> Bool {
        let (outputs, depth) = (up.shape[0], down.shape.dropFirst().reduce(1, *))
        return outputs * depth <= rows * (outputs + depth)
    }

    /// The layer's weight with the adapter's share, W + scale · B · A; gradients flow into all three.
    func merged(into weight: Parameter) -> Variable {
        let rank = down.shape[0]
        let product = up.variable.reshaped(to: [up.shape[0], rank]).matmul(down.variable.reshaped(to: [rank, -1]))
        // Frozen weights with 16 bits are widened for this use alone.
        let base = weight.isTrainable ? weight.variable : Variable(weight.value.widened())
        return base + product.reshaped(to: weight.shape) * scale
    }

    /// The adapter's share of a linear layer's output, `[…, inputs]` → `[…, outputs]`.
    func callAsFunction(_ x: Variable) -> Variable {
        (x.linear(weight: down.variable, bias: nil) * scale).linear(weight: up.variable, bias: nil)
    }
}
