import CTensorKernels
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

/// The gradients of a convolution with respect to its input and its kernel.
enum ConvolutionGradient {
    /// The gradient of the input: each input pixel sums the gradients of the outputs it contributed to, times the transposed taps.
    static func input(_ geometry: ConvolutionGeometry, _ kernel: Tensor, _ outputGradient: Tensor) -> Tensor {
        if geometry.isPointwise {
            return outputGradient.matmul(kernel.reshaped(to: [geometry.outputs, geometry.inputs]))
        }
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

    /// The gradient of the kernel: output gradientᵀ · patches, summed over all pixels in chunks.
    static func kernel(_ geometry: ConvolutionGeometry, _ input: Tensor, _ outputGradient: Tensor) -> Tensor {
        let (inputs, outputs, taps) = (geometry.inputs, geometry.outputs, geometry.taps)
        if geometry.isPointwise {
            return outputGradient.reshaped(to: [-1, outputs])
                .matmul(input.reshaped(to: [-1, inputs]), transposingSelf: true).reshaped(to: [outputs, inputs, 1, 1])
        }
        if let gradient = WinogradKernelGradient(geometry) { return gradient(input, outputGradient) }
        let pixels = geometry.outputHeight * geometry.outputWidth
        let imageCount = geometry.inputHeight * geometry.inputWidth * inputs
        let depth = taps * inputs
        let rows = geometry.batch * pixels
        let atOnce = min(rows, max(256, patchBudget / depth))
        let patchGeometry = geometry.forwardPatches
        let (x, dy) = (Shared(input.base), outputGradient.base)
        let byTap = Tensor(shape: [outputs, taps, inputs]) { target in
            guard let sums = target.baseAddress else { return }
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
                    MatrixProduct.multiply(
                        m: outputs, n: depth, k: count,
                        MatrixView(dy + first * outputs, stride: outputs, transposed: true),
                        MatrixView(memory, stride: depth), addend: first > 0 ? UnsafePointer(sums) : nil,
                        into: sums, stride: depth)
                }
            }
        }
        return byTap.transposed([0, 2, 1]).reshaped(
            to: [outputs, inputs, geometry.kernelHeight, geometry.kernelWidth])
    }

    /// The number of patch elements that are gathered before they are multiplied.
    private static let patchBudget = 1 << 22
}
