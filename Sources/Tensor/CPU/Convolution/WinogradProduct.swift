import CTensorKernels

/// A 3×3 convolution of stride 1, or its data gradient, by Winograd's F(4×4, 3×3).
///
/// Tiles are processed in groups whose 36 planes of transformed inputs stay in the shared cache. A task multiplies a part of a
/// group by one panel of output channels. It transforms the panel's kernel itself, which is cheaper than reading the transformed
/// kernel, four times as large, from memory.
struct WinogradProduct {
    let map: tensor_winograd_map
    let taps: KernelTaps
    private let batch: Int
    private let planes: [Int]

    /// Transformed input numbers per group.
    private static let groupBudget = 3 << 20
    /// The minimum number of tiles in a part of a group.
    private static let fewestTiles = 96
    static let planeCount = 36

    /// The convolution of a geometry; nil for other kernels and strides, and if the direct sum is faster.
    static func forward(_ geometry: ConvolutionGeometry, kernel: Tensor) -> WinogradProduct? {
        guard isWorthwhile(geometry, height: geometry.outputHeight, width: geometry.outputWidth) else { return nil }
        return WinogradProduct(
            kernel, .forward, batch: geometry.batch, source: geometry.inputShape, target: geometry.outputShape,
            padding: (geometry.padding.top, geometry.padding.left), upsampling: geometry.upsampling,
            paired: geometry.readsPairs)
    }

    /// The gradient of the (upsampled) input. With 2× upsampling only its sums over squares of 2 × 2 pixels are valid.
    static func backward(_ geometry: ConvolutionGeometry, kernel: Tensor) -> WinogradProduct? {
        let target = geometry.upsampledShape
        guard isWorthwhile(geometry, height: target[1], width: target[2]) else { return nil }
        return WinogradProduct(
            kernel, .backwardTurned, batch: geometry.batch, source: geometry.outputShape, target: target,
            padding: (2 - geometry.padding.top, 2 - geometry.padding.left), upsampling: 1,
            paired: geometry.upsampling == 2)
    }

    private static func isWorthwhile(_ geometry: ConvolutionGeometry, height: Int, width: Int) -> Bool {
        geometry.fitsWinograd && 5 * ((height + 3) / 4) * ((width + 3) / 4) <= height * width
    }

    private init(
        _ kernel: Tensor, _ direction: KernelTaps.Direction, batch: Int, source: [Int], target: [Int],
        padding: (top: Int, left: Int), upsampling: Int, paired: Bool
    ) {
        self.batch = batch
        let tiles = batch * ((target[1] + 3) / 4) * ((target[2] + 3) / 4)
        taps = KernelTaps(kernel, direction, isKept: tiles <= Self.fewTiles)
        map = tensor_winograd_map(
            source: source, target: target, padding: padding, upsampling: upsampling, paired: paired)
        planes = map.planes
    }

    /// target = convolution + bias + addend.
    ///
    /// - Parameters:
    ///   - source: the map that is read.
    ///   - bias: `[columns]`.
    ///   - biasStride: the distance between the biases of two images, 0 if they share one.
    ///   - addend: in the shape of the target.
    ///   - target: the map that is written.
    func multiply(
        source: Shared<Float>, bias: Shared<Float>?, biasStride: Int = 0, addend: Shared<Float>?,
        into target: UnsafeMutablePointer<Float>
    ) {
        let tiles = batch * map.tile_rows * map.tile_columns
        guard tiles > Self.fewTiles else {
            multiplyFew(tiles, source: source, bias: bias, biasStride: biasStride, addend: addend, into: target)
            return
        }
        let group = min(tiles, max(Self.fewestTiles, Self.groupBudget / (planes.count * taps.depth)))
        let stride = Self.planeStride(group * taps.depth)
        withScratch(Self.planeCount * stride) { memory in
            let inputs = SharedMutable(memory)
            for first in Swift.stride(from: 0, to: tiles, by: group) {
                let count = min(group, tiles - first)
                parallelFor(count, grain: max(1, 8_192 / (Self.planeCount * taps.depth))) { range in
                    withUnsafePointer(to: map) {
                        kernels.winograd_input(
                            $0, source.pointer, first + range.lowerBound, range.count, taps.depth,
                            inputs + range.lowerBound * taps.depth, stride)
                    }
                }
                multiplyGroup(
                    first..<first + count, Shared(memory), inputStride: stride, bias: bias, biasStride: biasStride,
                    addend: addend, into: target)
            }
        }
    }

    /// The channels that are summed in one product. Deep kernels are transformed some channels at a time, so that their planes stay in the
    /// second-level cache; with few tiles, whose sums are small, more channels fit. It depends on the image alone, so that an image's result
    /// does not depend on its batch or the number of threads.
    var channelsAtOnce: Int {
        taps.depth <= 384 ? taps.depth : map.tile_rows * map.tile_columns <= 48 ? 320 : 192
    }

    private func multiplyGroup(
        _ group: Range<Int>, _ inputs: Shared<Float>, inputStride: Int, bias: Shared<Float>?,
        biasStride: Int, addend: Shared<Float>?, into target: UnsafeMutablePointer<Float>
    ) {
        let panel = MatrixProduct.highest.panelWidth
        let panels = (taps.columns + panel - 1) / panel
        // With few panels the tiles are split too, so that every thread has work.
        let wanted = 4 * ThreadPool.threadCount
        let parts = min((wanted + panels - 1) / panels, max(1, group.count / Self.fewestTiles))
        let y = SharedMutable(target)
        let most = (group.count + parts - 1) / parts
        let scratchCount = Self.planeCount * (kernelStride + sumStride(tiles: most)) + taps.blockCount
        parallelFor(panels * parts, grain: 1, scratch: scratchCount) { tasks, scratch in
            for task in tasks {
                let (column, part) = (task / parts, task % parts)
                let own = part * group.count / parts..<(part + 1) * group.count / parts
                multiplyPanel(
                    column, tiles: own, inputs, inputStride: inputStride, firstTile: group.lowerBound,
                    bias: bias?.pointer, biasStride: biasStride, addend: addend?.pointer, into: y.pointer,
                    scratch: scratch)
            }
        }
    }

    /// The distance between the planes of a panel's transformed kernel.
    private var kernelStride: Int { Self.planeStride(channelsAtOnce * MatrixProduct.highest.panelWidth) }

    /// The tiles of a task that are summed at a time: for shallow kernels the tiles are processed in blocks.
    private func tilesAtOnce(_ tiles: Int) -> Int { channelsAtOnce == taps.depth ? min(tiles, 64) : tiles }

    /// The distance between the planes of a panel's sums, in a task of a number of tiles.
    private func sumStride(tiles: Int) -> Int {
        Self.planeStride(tilesAtOnce(tiles) * MatrixProduct.highest.panelWidth)
    }

    /// Computes one panel of outputs for some tiles, counted within the group. `scratch` holds a block of the kernel, the planes of the panel's transformed
    /// kernel, and those of its sums.
    private func multiplyPanel(
        _ column: Int, tiles: Range<Int>, _ inputs: Shared<Float>, inputStride: Int, firstTile: Int,
        bias: UnsafePointer<Float>?, biasStride: Int, addend: UnsafePointer<Float>?,
        into target: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) {
        let panel = MatrixProduct.highest.panelWidth
        let depth = taps.depth
        // If a panel is at most half full, only half of it is multiplied.
        let width = taps.columns - column * panel <= panel / 2 ? panel / 2 : panel
        let (channels, atOnce) = (channelsAtOnce, tilesAtOnce(tiles.count))
        let (kernelStride, sumStride) = (kernelStride, sumStride(tiles: tiles.count))
        let kernelPlanes = scratch + taps.blockCount
        let sums = kernelPlanes + Self.planeCount * kernelStride
        for k in Swift.stride(from: 0, to: depth, by: channels) {
            let block = k..<min(depth, k + channels)
            transformKernel(block, column, into: kernelPlanes, stride: kernelStride, scratch: scratch)
            for tile in Swift.stride(from: tiles.lowerBound, to: tiles.upperBound, by: atOnce) {
                let count = min(atOnce, tiles.upperBound - tile)
                for plane in planes {
                    let sum = sums + plane * sumStride
                    let right = MatrixProduct.highest.panels(
                        kernelPlanes + plane * kernelStride, rows: block.count)
                    right.multiply(
                        m: count, n: width, k: block.count,
                        left: inputs + (plane * inputStride + tile * depth + k), rowStride: depth,
                        addend: k > 0 ? UnsafePointer(sum) : nil, into: sum, stride: panel)
                }
                guard block.upperBound == depth else { continue }
                withUnsafePointer(to: map) {
                    kernels.winograd_output(
                        $0, sums, sumStride, firstTile + tile, count, column * panel, bias, biasStride, addend,
                        target)
                }
            }
        }
    }

    private func transformKernel(
        _ channels: Range<Int>, _ column: Int, into planes: UnsafeMutablePointer<Float>, stride: Int,
        scratch: UnsafeMutablePointer<Float>
    ) {
        taps.forEachBlock(of: channels, panel: column, scratch: scratch) { some, block in
            kernels.winograd_kernel(
                map.paired, some.count, block.first, block.channelStride, block.tapStride,
                planes + (some.lowerBound - channels.lowerBound) * MatrixProduct.highest.panelWidth, stride)
        }
    }

    /// The distance between planes: an odd number of cache lines, so that the planes do not map to the same cache sets.
    static func planeStride(_ count: Int) -> Int { (count + 31) / 32 * 32 + 16 }
}
