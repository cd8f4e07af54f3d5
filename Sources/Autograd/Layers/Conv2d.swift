import Tensor

/// A two-dimensional convolution over `[batch, height, width, channels]`, and the low-rank adapter's share when its scope has
/// one.
public struct Conv2d {
    /// PyTorch's, `[outputs, inputs, kernel height, kernel width]`.
    public let weight: Parameter
    /// `[outputs]`.
    public let bias: Parameter?
    /// What is added beside the kernel, nil without an adapter.
    public let adapter: LowRankConvolutionAdapter?
    private let stride: Int
    private let padding: ConvolutionPadding

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(
        inputs: Int, outputs: Int, kernelSize: Int, stride: Int = 1, padding: ConvolutionPadding, hasBias: Bool = true,
        in scope: ParameterScope
    ) {
        let start = Initializer.kaimingUniform(fanIn: inputs * kernelSize * kernelSize)
        weight = scope.parameter("weight", shape: [outputs, inputs, kernelSize, kernelSize], initializer: start)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], initializer: start) : nil
        adapter = scope.convolutionAdapter(inputs: inputs, outputs: outputs, kernelSize: kernelSize)
        self.stride = stride
        self.padding = padding
    }

    /// `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - x: the map.
    ///   - offset: added to each image's channels beside the bias, `[batch, outputs]`.
    ///   - upsampling: how often each pixel is repeated, in both directions, before the convolution.
    ///   - addend: added to the result, whose shape it has.
    public func callAsFunction(
        _ x: Variable, offset: Variable? = nil, upsampling: Int = 1, adding addend: Variable? = nil
    ) -> Variable {
        let shift = bias.map { bias in offset.map { bias.variable + $0 } ?? bias.variable } ?? offset
        let y = x.conv2d(
            kernel: weight.variable, bias: shift, stride: stride, padding: padding, upsampling: upsampling,
            adding: addend)
        return adapter.map { y + $0(x, stride: stride, padding: padding, upsampling: upsampling) } ?? y
    }
}
