import CTensorKernels
import Tensor

extension Variable {
    /// Two-dimensional cross-correlation, `[batch, height, width, inputs]` → `[batch, height′, width′, outputs]`.
    ///
    /// - Parameters:
    ///   - kernel: `[kernel height, kernel width, inputs, outputs]`.
    ///   - bias: `[outputs]`.
    ///   - stride: the step in both directions.
    ///   - padding: zeros around the map.
    public func conv2d(
        kernel: Variable, bias: Variable?, stride: Int = 1, padding: ConvolutionPadding = ConvolutionPadding(0)
    ) -> Variable {
        let result = value.conv2d(kernel: kernel.value, bias: bias?.value, stride: stride, padding: padding)
        let geometry = ConvolutionGeometry(input: shape, kernel: kernel.shape, stride: stride, padding: padding)
        let input = kernel.requiresGradient ? value : nil
        let weights = requiresGradient ? kernel.value : nil
        let needsBias = bias?.requiresGradient ?? false
        return Variable.record(result, from: [self, kernel] + (bias.map { [$0] } ?? [])) { outputGradient in
            let inputGradient = weights.map { ConvolutionGradient.input(geometry, $0, outputGradient) }
            let kernelGradient = input.map { ConvolutionGradient.kernel(geometry, $0, outputGradient) }
            let biasGradient = needsBias ? outputGradient.sum(alongAxes: [0, 1, 2]) : nil
            return bias == nil ? [inputGradient, kernelGradient] : [inputGradient, kernelGradient, biasGradient]
        }
    }
}

/// The two products that a convolution's gradient is made of.
enum ConvolutionGradient {
    /// The gradient of the input: each input pixel gathers the output gradients that it fed, times the transposed taps.
    static func input(_ geometry: ConvolutionGeometry, _ kernel: Tensor, _ outputGradient: Tensor) -> Tensor {
        let depth = geometry.taps * geometry.outputs
        let turned = kernel.transposed([0, 1, 3, 2])
        return Tensor(shape: geometry.inputShape) { target in
            guard let base = target.baseAddress else { return }
            withScratch(MatrixProduct.scratchCount(n: geometry.inputs, k: depth)) { packed in
                kernels.pack(depth, geometry.inputs, turned.base, geometry.inputs, false, packed)
                PatchProduct.multiply(
                    geometry.backwardPatches, batch: geometry.batch, source: outputGradient.base, matrix: packed,
                    outputs: geometry.inputs, bias: nil, into: base)
            }
        }
    }

    /// The gradient of the kernel: for each tap, patchesᵀ · output gradient, summed over all pixels.
    ///
    /// The pixels are cut into a fixed number of parts, so that few taps still feed every thread; their sums are added
    /// in a fixed order.
    static func kernel(_ geometry: ConvolutionGeometry, _ input: Tensor, _ outputGradient: Tensor) -> Tensor {
        let (inputs, outputs, taps) = (geometry.inputs, geometry.outputs, geometry.taps)
        let pixels = geometry.outputHeight * geometry.outputWidth
        let imageCount = geometry.inputHeight * geometry.inputWidth * inputs
        let rows = min(256, pixels)
        let blocksPerImage = (pixels + rows - 1) / rows
        let blocks = geometry.batch * blocksPerImage
        let parts = min(blocks, max(1, 18 / taps))
        let patchGeometry = geometry.forwardPatches
        let (x, dy) = (Shared(input.base), Shared(outputGradient.base))
        let sums = Tensor(shape: [parts, geometry.kernelHeight, geometry.kernelWidth, inputs, outputs]) { target in
            guard let base = target.baseAddress else { return }
            let result = SharedMutable(base)
            parallelFor(parts * taps, grain: 1) { range in
                withScratch(rows * inputs) { patches in
                    withScratch(MatrixProduct.scratchCount(n: outputs, k: rows)) { packed in
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
                                    m: inputs, n: outputs, k: count,
                                    MatrixView(patches, stride: inputs, transposed: true),
                                    MatrixView(dy + (image * pixels + first) * outputs, stride: outputs),
                                    accumulate: block != own.lowerBound, into: result + task * inputs * outputs,
                                    stride: outputs, scratch: packed)
                            }
                        }
                    }
                }
            }
        }
        return parts == 1 ? sums.reshaped(to: Array(sums.shape.dropFirst())) : sums.sum(alongAxes: [0])
    }
}
