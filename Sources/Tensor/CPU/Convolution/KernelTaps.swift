import CTensorKernels

/// A convolution kernel `[outputs, inputs, height, width]` as the right operand of a product in Float32, whose panels are rows of
/// numbers. Its rows are the taps of each channel that is read, its columns the channels that are written.
struct KernelTaps: Sendable {
    /// The use of the operand.
    enum Direction: Sendable {
        /// The convolution, from inputs to outputs.
        case forward
        /// The data gradient, from output gradients to input gradients.
        case backward
        /// The data gradient as a correlation over the output gradients, with the taps flipped in both axes.
        case backwardTurned
    }

    private let kernel: Tensor
    private let direction: Direction
    /// The packed panels of the forward operand, if they are kept.
    private let kept: Shared<Float>?
    let taps: Int
    /// Channels that are read.
    let depth: Int
    /// Channels that are written.
    let columns: Int

    /// An operand; `isKept` says whether keeping the forward operand packed pays off.
    init(_ kernel: Tensor, _ direction: Direction, isKept: Bool = false) {
        self.kernel = kernel
        self.direction = direction
        let panels = isKept && direction == .forward ? kernel.keptPanels() : nil
        kept = panels.map { Shared($0.base.assumingMemoryBound(to: Float.self)) }
        taps = kernel.shape[2] * kernel.shape[3]
        (columns, depth) =
            direction == .forward ? (kernel.shape[0], kernel.shape[1]) : (kernel.shape[1], kernel.shape[0])
    }

    /// Some channels of one panel of columns: the row of channel k and tap t begins at
    /// `first + k · channelStride + t · tapStride`.
    struct Block {
        let first: UnsafePointer<Float>
        let channelStride: Int
        let tapStride: Int
        /// The cache lines of the next block, for prefetching.
        let next: tensor_lines
    }

    /// The columns of one panel.
    private static let panelWidth = MatrixProduct.highest.panelWidth

    /// Channels per block: with any number of taps, whole squares of numbers to transpose in every instruction set.
    private static let blockChannels = Int(tensor_winograd_channels)

    /// The numbers that a block is packed into, a multiple of a cache line's; none if the operand is kept packed.
    var blockCount: Int { kept == nil ? Self.blockChannels * taps * Self.panelWidth : 0 }

    /// Calls `body` for blocks of channels, in order. `scratch` holds ``blockCount`` numbers.
    func forEachBlock(
        of channels: Range<Int>, panel: Int, scratch: UnsafeMutablePointer<Float>, _ body: (Range<Int>, Block) -> Void
    ) {
        for first in stride(from: channels.lowerBound, to: channels.upperBound, by: Self.blockChannels) {
            let end = min(channels.upperBound, first + Self.blockChannels)
            let next = end..<min(channels.upperBound, end + Self.blockChannels)
            body(first..<end, pack(first..<end, panel: panel, into: scratch, next: next))
        }
    }

    private func pack(
        _ channels: Range<Int>, panel: Int, into rows: UnsafeMutablePointer<Float>, next: Range<Int>
    ) -> Block {
        let width = Self.panelWidth
        if let kept {
            let panel = kept + panel * depth * taps * width
            let lines = MatrixView(panel + next.lowerBound * taps * width, rowStride: 1, columnStride: 0)
                .lines(rows: next.count * taps * width, columns: 1)
            return Block(
                first: panel + channels.lowerBound * taps * width, channelStride: taps * width, tapStride: width,
                next: lines)
        }
        let column = panel * width
        let filled = min(width, columns - column)
        var lines = tensor_lines()
        if direction == .forward {
            // The taps of consecutive channels are contiguous.
            let panel = MatrixView(kernel, rowStride: 1, columnStride: depth * taps).from(column: column)
            MatrixProduct.highest.pack(
                panel.from(row: channels.lowerBound * taps), rows: channels.count * taps, columns: filled, into: rows)
            lines = panel.from(row: next.lowerBound * taps).lines(rows: next.count * taps, columns: filled)
        } else {
            for (k, channel) in channels.enumerated() {
                let view = MatrixView(
                    kernel, offset: (channel * columns + column) * taps, rowStride: 1, columnStride: taps)
                MatrixProduct.highest.pack(view, rows: taps, columns: filled, into: rows + k * taps * width)
            }
        }
        let isFlipped = direction == .backwardTurned
        return Block(
            first: UnsafePointer(isFlipped ? rows + (taps - 1) * width : rows), channelStride: taps * width,
            tapStride: isFlipped ? -width : width, next: lines)
    }

    /// Packs the whole operand into a product's panels, its rows ordered tap by tap.
    func packAll(into packed: UnsafeMutableRawPointer, for product: MatrixProduct) {
        let (width, rows) = (product.panelWidth, taps * depth)
        let target = SharedMutable(packed.assumingMemoryBound(to: UInt8.self))
        let count = blockCount + (product.usesTiles ? rowCount(columns: width) : 0)
        parallelFor((columns + width - 1) / width, grain: 1, scratch: count) { panels, scratch in
            for panel in panels {
                let place = UnsafeMutableRawPointer(target.pointer) + product.panelBytes(n: panel * width, k: rows)
                if product.usesTiles {
                    let some = panel * width..<min(columns, (panel + 1) * width)
                    product.pack(
                        rowsByTap(ofColumns: some, scratch: scratch), rows: rows, columns: some.count, into: place)
                } else {
                    packByTap(panel: panel, into: place.assumingMemoryBound(to: Float.self), scratch: scratch)
                }
            }
        }
    }

    /// The numbers of some columns, as rows, and of one more panel.
    private func rowCount(columns: Int) -> Int {
        taps * depth * ((columns + Self.panelWidth - 1) / Self.panelWidth + 1) * Self.panelWidth
    }

    /// Some columns, from the first of a panel on, in rows ordered tap by tap. `scratch` holds a block, these rows, and one panel:
    /// ``blockCount`` and ``rowCount(columns:)`` numbers.
    private func rowsByTap(ofColumns range: Range<Int>, scratch: UnsafeMutablePointer<Float>) -> MatrixView {
        let (width, rows) = (Self.panelWidth, taps * depth)
        let panels = (range.count + width - 1) / width
        let memory = scratch + blockCount
        let panel = memory + rows * panels * width
        for index in 0..<panels {
            packByTap(panel: range.lowerBound / width + index, into: panel, scratch: scratch)
            for row in 0..<rows {
                (memory + (row * panels + index) * width).update(from: panel + row * width, count: width)
            }
        }
        return MatrixView(memory, stride: panels * width)
    }

    /// Packs one panel of columns with its rows ordered tap by tap, `[tap][channel][column]`. `scratch` holds ``blockCount`` numbers.
    func packByTap(
        panel: Int, into target: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) {
        let width = Self.panelWidth
        forEachBlock(of: 0..<depth, panel: panel, scratch: scratch) { channels, block in
            for tap in 0..<taps {
                for (k, channel) in channels.enumerated() {
                    (target + (tap * depth + channel) * width).update(
                        from: block.first + k * block.channelStride + tap * block.tapStride, count: width)
                }
            }
        }
    }
}
