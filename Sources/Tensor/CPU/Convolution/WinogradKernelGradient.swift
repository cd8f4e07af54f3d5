import CTensorKernels

/// The gradient of a 3×3 kernel of stride 1 by Winograd's F(4×4, 3×3): transformed inputs times transformed output gradients,
/// summed over the tiles in 36 planes. The transposed kernel transform maps the planes back to nine taps.
struct WinogradKernelGradient {
    private let geometry: ConvolutionGeometry
    private let map: tensor_winograd_map

    /// The number of tiles whose planes are in memory at once.
    private static let groupSize = 512

    /// Nil for other geometries, and where the direct sum is faster: the 36 planes are four times the size of the kernel, which
    /// pays off only with many tiles.
    init?(_ geometry: ConvolutionGeometry) {
        map = tensor_winograd_map(
            source: geometry.inputShape, target: geometry.outputShape,
            padding: (geometry.padding.top, geometry.padding.left), upsampling: geometry.upsampling,
            paired: geometry.readsPairs)
        self.geometry = geometry
        guard geometry.fitsWinograd, tiles >= 32,
            5 * map.tile_rows * map.tile_columns <= geometry.outputHeight * geometry.outputWidth
        else { return nil }
    }

    private var tiles: Int { geometry.batch * map.tile_rows * map.tile_columns }

    /// Computes the gradient, `[outputs, inputs, 3, 3]`.
    func callAsFunction(input: Tensor, outputGradient: Tensor) -> Tensor {
        let (inputs, outputs) = (geometry.inputs, geometry.outputs)
        let group = min(tiles, Self.groupSize)
        let inputStride = WinogradProduct.planeStride(group * inputs)
        let outputStride = WinogradProduct.planeStride(group * outputs)
        let sumStride = WinogradProduct.planeStride(outputs * inputs)
        let (planes, planeCount) = (map.planes, WinogradProduct.planeCount)
        return Tensor(shape: [outputs, inputs, 3, 3]) { target in
            guard let base = target.baseAddress else { return }
            withScratch(planeCount * (inputStride + outputStride + sumStride)) { memory in
                let x = SharedMutable(memory)
                let dy = SharedMutable(memory + planeCount * inputStride)
                let sums = SharedMutable(memory + planeCount * (inputStride + outputStride))
                for first in stride(from: 0, to: tiles, by: group) {
                    let count = min(group, tiles - first)
                    transform(first..<first + count, input, outputGradient, x, inputStride, dy, outputStride)
                    let packedCount = scratchCount(
                        MatrixProduct.highest.scratchBytes(m: outputs, n: inputs, k: count))
                    parallelFor(planes.count, grain: 1, scratch: packedCount) { range, packed in
                        for plane in planes[range] {
                            MatrixProduct.highest.multiplyOnThisThread(
                                m: outputs, n: inputs, k: count,
                                MatrixView(dy + plane * outputStride, stride: outputs, transposed: true),
                                MatrixView(x + plane * inputStride, stride: inputs), accumulate: first > 0,
                                into: sums + plane * sumStride, stride: inputs, scratch: packed)
                        }
                    }
                }
                let kernel = SharedMutable(base)
                parallelFor(outputs * inputs, grain: 4_096) { range in
                    kernels.winograd_kernel_gradient(
                        map.paired, range.count, sums + range.lowerBound, sumStride, kernel + 9 * range.lowerBound)
                }
            }
        }
    }

    private func transform(
        _ tiles: Range<Int>, _ input: Tensor, _ outputGradient: Tensor, _ x: SharedMutable<Float>, _ inputStride: Int,
        _ dy: SharedMutable<Float>, _ outputStride: Int
    ) {
        let (source, gradient) = (Shared(input), Shared(outputGradient))
        let (inputs, outputs) = (geometry.inputs, geometry.outputs)
        parallelFor(tiles.count, grain: max(1, 8_192 / (WinogradProduct.planeCount * (inputs + outputs)))) { range in
            withUnsafePointer(to: map) {
                let first = tiles.lowerBound + range.lowerBound
                kernels.winograd_input(
                    $0, source.pointer, first, range.count, inputs, x + range.lowerBound * inputs, inputStride)
                kernels.winograd_output_gradient(
                    $0, gradient.pointer, first, range.count, dy + range.lowerBound * outputs, outputStride)
            }
        }
    }
}
