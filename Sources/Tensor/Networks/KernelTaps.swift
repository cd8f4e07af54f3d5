import CTensorKernels

/// A convolution's kernel `[outputs, inputs, height, width]` as a right operand: for each channel that is read, its taps, and
/// in the columns the channels that are written.
package struct KernelTaps: Sendable {
    /// What the operand is for.
    package enum Direction: Sendable {
        /// From inputs to outputs.
        case forward
        /// From output gradients to input gradients.
        case backward
        /// The same with the taps turned by 180°, as a correlation over the output gradients has them.
        case backwardTurned
    }

    private let kernel: Tensor
    private let direction: Direction
    /// The forward operand in panels, where they are kept.
    private let kept: Shared<Float>?
    package let taps: Int
    /// Channels that are read.
    package let depth: Int
    /// Channels that are written.
    package let columns: Int

    /// The operand; `isKept` says that the forward one repays being kept in panels.
    package init(_ kernel: Tensor, _ direction: Direction, isKept: Bool = false) {
        self.kernel = kernel
        self.direction = direction
        kept = isKept && direction == .forward ? kernel.keptPanels.map { Shared($0) } : nil
        taps = kernel.shape[2] * kernel.shape[3]
        (columns, depth) =
            direction == .forward ? (kernel.shape[0], kernel.shape[1]) : (kernel.shape[1], kernel.shape[0])
    }

    /// Some channels of one panel of columns: the row of channel k and tap t begins at
    /// `first + k · channelStride + t · tapStride`.
    package struct Block {
        package let first: UnsafePointer<Float>
        package let channelStride: Int
        package let tapStride: Int
        /// Where the numbers of the block after this one lie, for whoever has time to fetch them.
        package let next: tensor_lines
    }

    /// Channels of a block: with any number of taps, whole squares of numbers to turn in every instruction set.
    private static let blockChannels = Int(tensor_winograd_channels)

    /// Calls `body` with the channels in blocks, one after the other.
    package func forEachBlock(of channels: Range<Int>, panel: Int, _ body: (Range<Int>, Block) -> Void) {
        withScratch(Self.blockChannels * taps * kernels.panel_width) { rows in
            for first in stride(from: channels.lowerBound, to: channels.upperBound, by: Self.blockChannels) {
                let end = min(channels.upperBound, first + Self.blockChannels)
                let next = end..<min(channels.upperBound, end + Self.blockChannels)
                body(first..<end, pack(first..<end, panel: panel, into: rows, next: next))
            }
        }
    }

    private func pack(
        _ channels: Range<Int>, panel: Int, into rows: UnsafeMutablePointer<Float>, next: Range<Int>
    ) -> Block {
        let width = kernels.panel_width
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
            // The taps of a channel and those of the next lie one after the other.
            let panel = MatrixView(kernel, rowStride: 1, columnStride: depth * taps).from(column: column)
            panel.from(row: channels.lowerBound * taps).pack(
                rows: channels.count * taps, columns: filled, into: rows)
            lines = panel.from(row: next.lowerBound * taps).lines(rows: next.count * taps, columns: filled)
        } else {
            for (k, channel) in channels.enumerated() {
                MatrixView(kernel, offset: (channel * columns + column) * taps, rowStride: 1, columnStride: taps)
                    .pack(rows: taps, columns: filled, into: rows + k * taps * width)
            }
        }
        let isTurned = direction == .backwardTurned
        return Block(
            first: UnsafePointer(isTurned ? rows + (taps - 1) * width : rows), channelStride: taps * width,
            tapStride: isTurned ? -width : width, next: lines)
    }

    /// The whole operand in panels, each as ``packByTap(panel:into:)`` packs it.
    package func packAll(into packed: UnsafeMutablePointer<Float>) {
        let width = kernels.panel_width
        let target = SharedMutable(packed)
        parallelFor((columns + width - 1) / width, grain: 1) { panels in
            for panel in panels { packByTap(panel: panel, into: target + panel * taps * depth * width) }
        }
    }

    /// One panel of columns with its rows ordered tap by tap, `[tap][channel][column]`.
    package func packByTap(panel: Int, into target: UnsafeMutablePointer<Float>) {
        let width = kernels.panel_width
        forEachBlock(of: 0..<depth, panel: panel) { channels, block in
            for tap in 0..<taps {
                for (k, channel) in channels.enumerated() {
                    (target + (tap * depth + channel) * width).update(
                        from: block.first + k * block.channelStride + tap * block.tapStride, count: width)
                }
            }
        }
    }
}
