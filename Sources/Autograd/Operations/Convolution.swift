import Tensor

extension Variable {
    /// Two-dimensional cross-correlation, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[outputs, inputs, kernel height, kernel width]`.
    ///   - bias: `[outputs]`, or `[batch, outputs]` for one bias per image.
    ///   - stride: the stride in both directions.
    ///   - padding: the zero padding.
    ///   - upsampling: the factor of nearest-neighbour upsampling before the padding.
    ///   - addend: added to the result; of the same shape.
    public func conv2d(
        kernel: Variable, bias: Variable?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0),
        upsampling: Int = 1, adding addend: Variable? = nil
    ) -> Variable {
        let result = value.conv2d(
            kernel: kernel.value, bias: bias?.value, stride: stride, padding: padding, upsampling: upsampling,
            adding: addend?.value)
        let geometry = ConvolutionGeometry(
            input: shape, kernel: kernel.shape, stride: stride, padding: padding, upsampling: upsampling)
        // Only what a gradient reads is kept.
        let input = kernel.requiresGradient ? value : nil
        let weights = requiresGradient ? kernel.value : nil
        let biasAxes = bias?.shape.count == 2 ? [1, 2] : [0, 1, 2]
        return Variable.record(result, from: [self, kernel, bias, addend]) { outputGradient, needs in
            [
                weights.map { outputGradient.convolutionInputGradient(geometry, kernel: $0) },
                input.map { outputGradient.convolutionKernelGradient(geometry, input: $0) },
                needs(2, outputGradient.sum(alongAxes: biasAxes)), needs(3, outputGradient),
            ]
        }
    }
}
