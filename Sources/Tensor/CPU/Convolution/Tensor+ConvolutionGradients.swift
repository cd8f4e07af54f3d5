import CTensorKernels

extension Tensor {
    /// The gradient of a convolution's input; self is that of its output. Each input pixel sums the gradients of the outputs it contributed to, times the transposed taps.
    package func convolutionInputGradient(_ geometry: ConvolutionGeometry, kernel: Tensor) -> Tensor {
        if geometry.isPointwise {
            return matmul(kernel.reshaped(to: [geometry.outputs, geometry.inputs]))
        }
        let gradient = Tensor(uninitialized: geometry.upsampledShape)
        if let product = WinogradProduct.backward(geometry, kernel: kernel) {
            product.multiply(source: Shared(self), bias: nil, addend: nil, into: gradient.storage.base)
        } else {
            PatchProduct.multiply(
                geometry.backwardPatches, batch: geometry.batch, source: Shared(self),
                kernel: KernelTaps(kernel, .backward),
                bias: nil, biasStride: 0, addend: nil, into: gradient.storage.base)
        }
        return geometry.upsampling == 1 ? gradient : gradient.summedSquares(of: geometry.upsampling)
    }

    /// The gradient of a convolution's kernel; self is that of its output. Output gradientᵀ · patches, summed over all pixels in chunks.
    package func convolutionKernelGradient(_ geometry: ConvolutionGeometry, input: Tensor) -> Tensor {
        let (inputs, outputs, taps) = (geometry.inputs, geometry.outputs, geometry.taps)
        if geometry.isPointwise {
            return reshaped(to: [-1, outputs])
                .matmul(input.reshaped(to: [-1, inputs]), transposingSelf: true).reshaped(to: [outputs, inputs, 1, 1])
        }
        if let gradient = WinogradKernelGradient(geometry) { return gradient(input: input, outputGradient: self) }
        let pixels = geometry.outputHeight * geometry.outputWidth
        let imageCount = geometry.inputHeight * geometry.inputWidth * inputs
        let depth = taps * inputs
        let rows = geometry.batch * pixels
        let atOnce = min(rows, max(256, PatchProduct.patchesPerProduct / depth))
        let patchGeometry = geometry.forwardPatches
        let (x, dy) = (Shared(input), Shared(self))
        let byTap = Tensor(uninitialized: [outputs, taps, inputs])
        let sums = byTap.storage.base
        withScratch(atOnce * depth) { memory in
            let patches = SharedMutable(memory)
            for first in Swift.stride(from: 0, to: rows, by: atOnce) {
                let count = min(atOnce, rows - first)
                parallelFor(count, grain: max(1, 16_384 / depth)) { range in
                    withUnsafePointer(to: patchGeometry) {
                        var row = range.lowerBound
                        while row < range.upperBound {
                            let (image, pixel) = (first + row).quotientAndRemainder(dividingBy: pixels)
                            let some = min(range.upperBound - row, pixels - pixel)
                            kernels.gather_patches(
                                $0, x + image * imageCount, pixel, some, 0, taps, patches + row * depth)
                            row += some
                        }
                    }
                }
                MatrixProduct.current.multiply(
                    m: outputs, n: depth, k: count,
                    MatrixView(dy + first * outputs, stride: outputs, transposed: true),
                    MatrixView(memory, stride: depth), addend: first > 0 ? Shared(UnsafePointer(sums)) : nil,
                    into: sums, stride: depth)
            }
        }
        return byTap.transposed([0, 2, 1]).reshaped(
            to: [outputs, inputs, geometry.kernelHeight, geometry.kernelWidth])
    }
}
