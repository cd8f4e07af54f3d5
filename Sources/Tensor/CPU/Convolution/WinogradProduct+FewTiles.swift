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
            let count = Self.planeCount * sumStride
            parallelFor((taps.columns + panel - 1) / panel, grain: 1, scratch: 2 * count + taps.blockCount) {
                columns, sums in
                let part = sums + count
                for column in columns {
                    for first in Swift.stride(from: 0, to: taps.depth, by: channelsAtOnce) {
                        let target = first == 0 ? sums : part
                        target.update(repeating: 0, count: count)
                        let some = first..<min(taps.depth, first + channelsAtOnce)
                        taps.forEachBlock(of: some, panel: column, scratch: part + count) { channels, block in
                            kernels.winograd_few(
                                map.paired, tiles, channels.count,
                                inputs + channels.lowerBound * Self.planeCount * tiles, block.first,
                                block.channelStride, block.tapStride, target, sumStride, block.next)
                        }
                        if first > 0 { for i in 0..<count { sums[i] += part[i] } }
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
