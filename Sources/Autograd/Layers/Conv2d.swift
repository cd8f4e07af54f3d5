import Tensor

/// A two-dimensional convolution over `[batch, height, width, channels]`, plus the output of a low-rank adapter when its scope
/// has one.
public struct Conv2d: Sendable {
    /// The kernel in PyTorch's layout, `[outputs, inputs, kernel height, kernel width]`.
    public let weight: Parameter
    /// The bias, `[outputs]`, nil without one.
    public let bias: Parameter?
    /// The low-rank adapter, nil without one.
    public let adapter: LowRankAdapter?
    private let stride: Int
    private let padding: ConvolutionPadding

    /// A layer whose parameters are `weight` and `bias` of `scope`.
    public init(
        inputs: Int, outputs: Int, kernelSize: Int, stride: Int = 1, padding: ConvolutionPadding, hasBias: Bool = true,
        in scope: ParameterScope
    ) {
        let start = Initializer.kaimingUniform(fanIn: inputs * kernelSize * kernelSize)
        weight = scope.productWeight(shape: [outputs, inputs, kernelSize, kernelSize], initializer: start)
        bias = hasBias ? scope.parameter("bias", shape: [outputs], initializer: start) : nil
        adapter = scope.adapter(weightShape: weight.shape)
        self.stride = stride
        self.padding = padding
    }

    /// Applies the layer, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - x: the feature map.
    ///   - offset: added to each image's channels in addition to the bias, `[batch, outputs]`.
    ///   - upsampling: the factor of nearest-neighbour upsampling before the convolution.
    ///   - addend: added to the result; of the same shape.
    public func callAsFunction(
        _ x: Variable, offset: Variable? = nil, upsampling: Int = 1, adding addend: Variable? = nil
    ) -> Variable {
        let shift = bias.map { bias in offset.map { bias.variable + $0 } ?? bias.variable } ?? offset
        func convolve(_ x: Variable, _ kernel: Variable, bias: Variable? = nil, adding addend: Variable? = nil)
            -> Variable
        {
            x.conv2d(
                kernel: kernel, bias: bias, stride: stride, padding: padding, upsampling: upsampling, adding: addend)
        }
        guard let adapter else { return convolve(x, weight.variable, bias: shift, adding: addend) }
        if adapter.isWorthMerging(rows: x.value.count / weight.shape[1]) {
            return convolve(x, adapter.merged(into: weight), bias: shift, adding: addend)
        }
        let inner = convolve(x, adapter.down.variable) * adapter.scale
        return inner.conv2d(
            kernel: adapter.up.variable, bias: nil, adding: convolve(x, weight.variable, bias: shift, adding: addend))
    }
}
