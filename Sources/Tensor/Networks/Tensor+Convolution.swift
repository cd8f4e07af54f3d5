import CTensorKernels

extension Tensor {
    /// Two-dimensional cross-correlation, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: `[kernel height, kernel width, inputs, outputs]`.
    ///   - bias: `[outputs]`.
    ///   - stride: the step in both directions.
    ///   - padding: zeros around the map.
    public func conv2d(
        kernel: Tensor, bias: Tensor?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0)
    ) -> Tensor {
        let geometry = ConvolutionGeometry(input: shape, kernel: kernel.shape, stride: stride, padding: padding)
        precondition(
            bias.map { $0.shape == [geometry.outputs] } ?? true,
            "conv2d: expected a bias of shape [\(geometry.outputs)], found \(bias?.shape ?? [])")
        let result = Tensor(uninitialized: geometry.outputShape)
        if geometry.isPointwise {
            MatrixProduct.multiply(
                m: count / geometry.inputs, n: geometry.outputs, k: geometry.inputs,
                MatrixView(base, stride: geometry.inputs), MatrixView(kernel.base, stride: geometry.outputs),
                bias: bias?.base, into: result.storage.base, stride: geometry.outputs)
            return result
        }
        let depth = geometry.taps * geometry.inputs
        withScratch(MatrixProduct.scratchCount(n: geometry.outputs, k: depth)) { packed in
            kernels.pack(depth, geometry.outputs, kernel.base, geometry.outputs, false, packed)
            PatchProduct.multiply(
                geometry.forwardPatches, batch: geometry.batch, source: base, matrix: packed,
                outputs: geometry.outputs, bias: bias?.base, into: result.storage.base)
        }
        return result
    }
}
