import CTensorKernels

extension Tensor {
    /// Two-dimensional cross-correlation, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: in PyTorch's layout, `[outputs, inputs, kernel height, kernel width]`.
    ///   - bias: `[outputs]`, or `[batch, outputs]` for one per image.
    ///   - stride: the step in both directions.
    ///   - padding: zeros around the map.
    ///   - upsampling: how often each pixel is repeated, in both directions, before the padding: fused nearest-neighbour upsampling
    ///     that never stores the large map.
    ///   - addend: added to the result, whose shape it has, in the same pass over memory.
    public func conv2d(
        kernel: Tensor, bias: Tensor?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0),
        upsampling: Int = 1, adding addend: Tensor? = nil
    ) -> Tensor {
        let geometry = ConvolutionGeometry(
            input: shape, kernel: kernel.shape, stride: stride, padding: padding, upsampling: upsampling)
        require(
            bias.map { [[geometry.outputs], [geometry.batch, geometry.outputs]].contains($0.shape) } ?? true,
            "conv2d: expected a bias of shape [\(geometry.outputs)] or [\(geometry.batch), \(geometry.outputs)], found "
                + "\(bias?.shape ?? [])")
        require(
            addend.map { $0.shape == geometry.outputShape } ?? true,
            "conv2d: expected an addend of shape \(geometry.outputShape), found \(addend?.shape ?? [])")
        guard scalarType == .float32 else {
            return widened().conv2d(
                kernel: kernel, bias: bias, stride: stride, padding: padding, upsampling: upsampling, adding: addend)
        }
        let result = Tensor(uninitialized: geometry.outputShape)
        let target = result.storage.base
        let (shift, added) = (bias.map { Shared($0) }, addend.map { Shared($0) })
        let biasStride = bias?.rank == 2 ? geometry.outputs : 0
        if geometry.isPointwise, biasStride == 0 {
            let product = MatrixProduct.current
            product.multiply(
                m: geometry.outputPixels, n: geometry.outputs, k: geometry.inputs,
                MatrixView(self, stride: geometry.inputs),
                MatrixView(weight: kernel, rows: geometry.outputPixels, of: product), bias: shift, addend: added,
                into: target, stride: geometry.outputs)
        } else if let product = WinogradProduct.forward(geometry, kernel: kernel) {
            product.multiply(
                source: Shared(self), bias: shift, biasStride: biasStride, addend: added, into: target)
        } else {
            let taps = KernelTaps(kernel, .forward, isKept: geometry.outputPixels <= MatrixProduct.fewRows)
            PatchProduct.multiply(
                geometry.forwardPatches, batch: geometry.batch, source: Shared(self), kernel: taps, bias: shift,
                biasStride: biasStride, addend: added, into: target)
        }
        return result
    }
}
