import Tensor

/// LoRA (arXiv 2106.09685) beside one linear layer: scale · B(A x).
public struct LowRankAdapter {
    /// A, `[rank, inputs]`.
    public let down: Parameter
    /// B, `[outputs, rank]`; zero at the start, so that a new adapter changes nothing.
    public let up: Parameter
    /// alpha / rank.
    public let scale: Float

    /// `[…, inputs]` → `[…, outputs]`.
    public func callAsFunction(_ x: Variable) -> Variable {
        x.linear(weight: down.variable, bias: nil).linear(weight: up.variable, bias: nil) * scale
    }
}

/// LoRA beside one convolution: A is a convolution to `rank` channels with the layer's kernel size, B one of size 1.
public struct LowRankConvolutionAdapter {
    /// A, `[rank, inputs, height, width]`.
    public let down: Parameter
    /// B, `[outputs, rank, 1, 1]`; zero at the start, so that a new adapter changes nothing.
    public let up: Parameter
    /// alpha / rank.
    public let scale: Float

    /// `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`, with the layer's own stride, padding
    /// and upsampling.
    public func callAsFunction(
        _ x: Variable, stride: Int, padding: ConvolutionPadding, upsampling: Int = 1
    ) -> Variable {
        let inner = x.conv2d(
            kernel: down.variable, bias: nil, stride: stride, padding: padding, upsampling: upsampling)
        return inner.conv2d(kernel: up.variable, bias: nil, stride: 1, padding: .init(0)) * scale
    }
}
