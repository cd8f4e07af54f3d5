import CTensorKernels

extension WinogradProduct {
    /// Up to this many tiles, a kernel's planes are used immediately: writing them to the second-level cache and reading them back
    /// would cost more than their products.
    static let fewTiles = 8

    /// A whole convolution of at most ``fewTiles`` tiles. Each task transforms some channels of one panel's kernel at a time and
    /// multiplies them immediately, while the next channels are prefetched.
    func multiplyFew(
        _ tiles: Int, source: Shared<Float>, bias: Shared<Float>?, biasStride: Int, addend: Shared<Float>?,
        into target: UnsafeMutablePointer<Float>
    ) {
        let panel = MatrixProduct.highest.panelWidth
        let together = Int(tensor_winograd_channels)
        let inputStride = tiles * together
        let sumStride = Self.planeStride(tiles * panel)
        let y = SharedMutable(target)
        withScratch((taps.depth + together - 1) / together * Self.planeCount * inputStride) { memory in
            let inputs = SharedMutable(memory)
            parallelFor(tiles, grain: max(1, 8_192 / (Self.planeCount * taps.depth))) { range in
                withUnsafePointer(to: map) {
                    kernels.winograd_input(
                        $0, source.pointer, range.lowerBound, range.count, together,
                        inputs + range.lowerBound * together,
                        inputStride)
                }
            }
            parallelFor((taps.columns + panel - 1) / panel, grain: 1) { columns in
                withScratch(Self.planeCount * sumStride) { sums in
                    for column in columns {
                        sums.update(repeating: 0, count: Self.planeCount * sumStride)
                        taps.forEachBlock(of: 0..<taps.depth, panel: column) { channels, block in
                            kernels.winograd_few(
                                map.paired, tiles, channels.count,
                                inputs + channels.lowerBound * Self.planeCount * tiles, block.first,
                                block.channelStride, block.tapStride, sums, sumStride, block.next)
                        }
                        withUnsafePointer(to: map) {
                            kernels.winograd_output(
                                $0, sums, sumStride, 0, tiles, column * panel, bias?.pointer, biasStride,
                                addend?.pointer, y.pointer)
                        }
                    }
                }
            }
        }
    }
}
