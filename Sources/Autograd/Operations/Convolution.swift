import CTensorKernels
import Tensor

extension Variable {
    /// Two-dimensional cross-correlation, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: PyTorch's, `[outputs, inputs, kernel height, kernel width]`.
    ///   - bias: `[outputs]`, or `[batch, outputs]` for one an image.
    ///   - stride: the step in both directions.
    ///   - padding: zeros around the map.
    ///   - upsampling: how often each pixel is repeated, in both directions, before the padding.
    ///   - addend: added to the result, whose shape it has.
    public func conv2d(
        kernel: Variable, bias: Variable?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0),
        upsampling: Int = 1, adding addend: Variable? = nil
    ) -> Variable {
        let result = value.conv2d(
            kernel: kernel.value, bias: bias?.value, stride: stride, padding: padding, upsampling: upsampling,
            adding: addend?.value)
        let geometry = ConvolutionGeometry(
            input: shape, kernel: kernel.shape, stride: stride, padding: padding, upsampling: upsampling)
        let input = kernel.requiresGradient ? value : nil
        let weights = requiresGradient ? kernel.value : nil
        let optional = [bias, addend].compactMap { $0 }
        let needs = (bias: bias?.requiresGradient ?? false, addend: addend?.requiresGradient ?? false)
        let has = (bias: bias != nil, addend: addend != nil)
        let biasAxes = bias?.shape.count == 2 ? [1, 2] : [0, 1, 2]
        return Variable.record(result, from: [self, kernel] + optional) { outputGradient in
            var gradients = [
                weights.map { ConvolutionGradient.input(geometry, $0, outputGradient) },
                input.map { ConvolutionGradient.kernel(geometry, $0, outputGradient) },
            ]
            if has.bias { gradients.append(needs.bias ? outputGradient.sum(alongAxes: biasAxes) : nil) }
            if has.addend { gradients.append(needs.addend ? outputGradient : nil) }
            return gradients
        }
    }
}

/// The two products that a convolution's gradient is made of.
enum ConvolutionGradient {
    /// The gradient of the input: each input pixel gathers the output gradients that it fed, times the transposed taps.
    static func input(_ geometry: ConvolutionGeometry, _ kernel: Tensor, _ outputGradient: Tensor) -> Tensor {
        let gradient = Tensor(shape: geometry.upsampledShape) { target in
            guard let base = target.baseAddress else { return }
            if let product = WinogradProduct.backward(geometry, kernel: kernel) {
                product.multiply(source: outputGradient.base, bias: nil, addend: nil, into: base)
            } else {
                PatchProduct.multiply(
                    geometry.backwardPatches, batch: geometry.batch, source: outputGradient.base,
                    kernel: KernelTaps(kernel, .backward), bias: nil, biasStride: 0, addend: nil, into: base)
            }
        }
        return geometry.upsampling == 1 ? gradient : gradient.summedSquares(of: geometry.upsampling)
    }

    /// The gradient of the kernel: for each tap, output gradientᵀ · patches, summed over all pixels.
    ///
    /// The pixels are cut into a fixed number of parts, so that few taps still feed every thread; their sums are added
    /// in a fixed order.
    static func kernel(_ geometry: ConvolutionGeometry, _ input: Tensor, _ outputGradient: Tensor) -> Tensor {
        if let gradient = WinogradKernelGradient(geometry) { return gradient(input, outputGradient) }
        let (inputs, outputs, taps) = (geometry.inputs, geometry.outputs, geometry.taps)
        let pixels = geometry.outputHeight * geometry.outputWidth
        let imageCount = geometry.inputHeight * geometry.inputWidth * inputs
        let rows = min(256, pixels)
        let blocksPerImage = (pixels + rows - 1) / rows
        let blocks = geometry.batch * blocksPerImage
        let parts = min(blocks, max(1, 18 / taps))
        let patchGeometry = geometry.forwardPatches
        let (x, dy) = (Shared(input.base), Shared(outputGradient.base))
        let sums = Tensor(shape: [parts, taps, outputs, inputs]) { target in
            guard let base = target.baseAddress else { return }
            let result = SharedMutable(base)
            parallelFor(parts * taps, grain: 1) { range in
                withScratch(rows * inputs) { patches in
                    withScratch(MatrixProduct.scratchCount(n: inputs, k: rows)) { packed in
                        for task in range {
                            let (part, tap) = (task / taps, task % taps)
                            let own = part * blocks / parts..<(part + 1) * blocks / parts
                            for block in own {
                                let image = block / blocksPerImage
                                let first = block % blocksPerImage * rows
                                let count = min(rows, pixels - first)
                                withUnsafePointer(to: patchGeometry) {
                                    kernels.gather_patches($0, x + image * imageCount, first, count, tap, 1, patches)
                                }
                                MatrixProduct.multiplyOnThisThread(
                                    m: outputs, n: inputs, k: count,
                                    MatrixView(
                                        dy + (image * pixels + first) * outputs, stride: outputs, transposed: true),
                                    MatrixView(patches, stride: inputs), accumulate: block != own.lowerBound,
                                    into: result + task * inputs * outputs, stride: inputs, scratch: packed)
                            }
                        }
                    }
                }
            }
        }
        let byTap = parts == 1 ? sums.reshaped(to: [taps, outputs, inputs]) : sums.sum(alongAxes: [0])
        return byTap.transposed([1, 2, 0]).reshaped(
            to: [outputs, inputs, geometry.kernelHeight, geometry.kernelWidth])
    }
}
