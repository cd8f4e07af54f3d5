import CTensorKernels

/// The core of a convolution and of its data gradient: patches of a map times a matrix, block by block, so that the patches of a
/// whole image are never in memory at once.
enum PatchProduct {
    /// Patch numbers per thread at a time: they stay in the second-level cache, and shorter sums have less rounding error.
    private static let patchesPerThread = 49_152
    /// Patch numbers that stay in the third-level cache.
    private static let fewPatches = 1 << 20
    /// Rows of patches per task.
    private static let rows = max(96 / MatrixProduct.highest.stripHeight, 1) * MatrixProduct.highest.stripHeight

    /// The taps that are summed in one product. It depends on nothing else, so that an image's result does not depend on its batch.
    private static func tapsAtOnce(_ taps: Int, channels: Int, by product: MatrixProduct) -> Int {
        // A product on tiles begins at a whole tile.
        channels % product.rowMultiple == 0 ? min(taps, max(1, patchesPerThread / (rows * channels))) : taps
    }

    /// Patch numbers that the gradient of a kernel gathers before it multiplies them.
    static let patchesPerProduct = 1 << 22

    /// target[pixel, outputs] = Σ over taps of source[pixel at tap, channels] · kernel[tap, channels, outputs] + bias + addend.
    ///
    /// - Parameters:
    ///   - geometry: the source pixels that each target pixel reads.
    ///   - source: `[batch, source height, source width, channels]`.
    ///   - kernel: the kernel's taps.
    ///   - bias: `[outputs]`.
    ///   - biasStride: the distance between the biases of two images, 0 if they share one.
    ///   - addend: in the shape of the target.
    ///   - target: `[batch, target height, target width, outputs]`.
    static func multiply(
        _ geometry: tensor_patch_geometry, batch: Int, source: Shared<Float>, kernel: KernelTaps,
        bias: Shared<Float>?, biasStride: Int, addend: Shared<Float>?,
        into target: UnsafeMutablePointer<Float>
    ) {
        let depth = kernel.taps * kernel.depth
        let product = MatrixProduct.current
        if !product.usesTiles, batch * geometry.target_height * geometry.target_width * depth <= fewPatches {
            multiplyFew(
                geometry, batch: batch, source: source, kernel: kernel, bias: bias, biasStride: biasStride,
                addend: addend, into: target)
            return
        }
        withScratch(byteCount: product.panelBytes(n: kernel.columns, k: depth)) { packed in
            kernel.packAll(into: packed, for: product)
            multiply(
                geometry, batch: batch, source: source, matrix: product.panels(packed, rows: depth),
                tapsAtOnce: tapsAtOnce(kernel.taps, channels: kernel.depth, by: product), outputs: kernel.columns,
                bias: bias, biasStride: biasStride, addend: addend, into: target)
        }
    }

    /// For few patches: all are gathered first; each task then packs its own columns of the kernel, which stay in its cache.
    private static func multiplyFew(
        _ geometry: tensor_patch_geometry, batch: Int, source: Shared<Float>, kernel: KernelTaps,
        bias: Shared<Float>?, biasStride: Int, addend: Shared<Float>?,
        into target: UnsafeMutablePointer<Float>
    ) {
        let pixels = geometry.target_height * geometry.target_width
        let sourceCount = geometry.source_height * geometry.source_width * geometry.channels
        let (taps, outputs, panel) = (kernel.taps, kernel.columns, MatrixProduct.highest.panelWidth)
        let depth = taps * kernel.depth
        let together = tapsAtOnce(taps, channels: kernel.depth, by: .highest) * kernel.depth
        let y = SharedMutable(target)
        withScratch(batch * pixels * depth) { memory in
            let patches = SharedMutable(memory)
            parallelFor(batch * pixels, grain: max(1, 32_768 / depth)) { range in
                for pixel in range {
                    withUnsafePointer(to: geometry) {
                        kernels.gather_patches(
                            $0, source + pixel / pixels * sourceCount, pixel % pixels, 1, 0, taps,
                            patches + pixel * depth)
                    }
                }
            }
            let packedCount = depth * panel
            parallelFor((outputs + panel - 1) / panel, grain: 1, scratch: packedCount + kernel.blockCount) {
                range, packed in
                for column in range {
                    kernel.packByTap(panel: column, into: packed, scratch: packed + packedCount)
                    let first = column * panel
                    for image in 0..<batch {
                        let place = image * pixels * outputs + first
                        for row in stride(from: 0, to: depth, by: together) {
                            MatrixProduct.highest.panels(packed, rows: depth).from(row: row).multiply(
                                m: pixels, n: min(panel, outputs - first), k: min(together, depth - row),
                                left: patches + image * pixels * depth + row, rowStride: depth,
                                bias: row == 0 ? bias.map { $0 + (image * biasStride + first) } : nil,
                                addend: row == 0 ? addend.map { $0 + place } : UnsafePointer(y + place),
                                into: y + place, stride: outputs)
                        }
                    }
                }
            }
        }
    }

    private static func multiply(
        _ geometry: tensor_patch_geometry, batch: Int, source: Shared<Float>, matrix: Panels, tapsAtOnce: Int,
        outputs: Int, bias: Shared<Float>?, biasStride: Int, addend: Shared<Float>?,
        into target: UnsafeMutablePointer<Float>
    ) {
        let pixels = geometry.target_height * geometry.target_width
        let sourceCount = geometry.source_height * geometry.source_width * geometry.channels
        let taps = geometry.kernel_height * geometry.kernel_width
        let channels = geometry.channels
        let blocks = (pixels + rows - 1) / rows
        let y = SharedMutable(target)
        // A packed left operand begins at a cache line.
        let patchCount = (rows * tapsAtOnce * channels + 15) / 16 * 16
        let packedCount = scratchCount(matrix.scratchBytes(m: rows, k: tapsAtOnce * channels))
        parallelFor(batch * blocks, grain: 1, scratch: patchCount + packedCount) { range, patches in
            for task in range {
                let image = task / blocks
                let first = task % blocks * rows
                let count = min(rows, pixels - first)
                let place = (image * pixels + first) * outputs
                for tap in stride(from: 0, to: taps, by: tapsAtOnce) {
                    let width = min(tapsAtOnce, taps - tap)
                    withUnsafePointer(to: geometry) {
                        kernels.gather_patches($0, source + image * sourceCount, first, count, tap, width, patches)
                    }
                    matrix.from(row: tap * channels).multiply(
                        m: count, n: outputs, k: width * channels, left: patches, rowStride: width * channels,
                        bias: tap == 0 ? bias.map { $0 + image * biasStride } : nil,
                        addend: tap == 0 ? addend.map { $0 + place } : UnsafePointer(y + place), into: y + place,
                        stride: outputs, scratch: patches + patchCount)
                }
            }
        }
    }
}
