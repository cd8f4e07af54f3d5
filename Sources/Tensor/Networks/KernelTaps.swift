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
    package let taps: Int
    /// Channels that are read.
    package let depth: Int
    /// Channels that are written.
    package let columns: Int

    package init(_ kernel: Tensor, _ direction: Direction) {
        self.kernel = kernel
        self.direction = direction
        taps = kernel.shape[2] * kernel.shape[3]
        (columns, depth) =
            direction == .forward ? (kernel.shape[0], kernel.shape[1]) : (kernel.shape[1], kernel.shape[0])
    }

    /// Numbers of memory that ``pack(_:panel:into:)`` needs for `channels` channels.
    package func count(channels: Int) -> Int { channels * taps * kernels.panel_width }

    /// Packs some channels of one panel of columns. The row of channel k and tap t begins at
    /// `first + k · channel stride + t · tap stride`.
    package func pack(
        _ channels: Range<Int>, panel: Int, into rows: UnsafeMutablePointer<Float>
    ) -> (first: UnsafePointer<Float>, channelStride: Int, tapStride: Int) {
        let width = kernels.panel_width
        let column = panel * width
        let filled = min(width, columns - column)
        if direction == .forward {
            // The taps of a channel and those of the next lie one after the other.
            MatrixView(kernel, rowStride: 1, columnStride: depth * taps).from(
                row: channels.lowerBound * taps, column: column
            )
            .pack(rows: channels.count * taps, columns: filled, into: rows)
        } else {
            for (k, channel) in channels.enumerated() {
                MatrixView(kernel, offset: (channel * columns + column) * taps, rowStride: 1, columnStride: taps)
                    .pack(rows: taps, columns: filled, into: rows + k * taps * width)
            }
        }
        let isTurned = direction == .backwardTurned
        return (UnsafePointer(isTurned ? rows + (taps - 1) * width : rows), taps * width, isTurned ? -width : width)
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
        let atOnce = 16
        withScratch(count(channels: atOnce)) { rows in
            for first in stride(from: 0, to: depth, by: atOnce) {
                let channels = first..<min(depth, first + atOnce)
                let block = pack(channels, panel: panel, into: rows)
                for tap in 0..<taps {
                    for (k, channel) in channels.enumerated() {
                        (target + (tap * depth + channel) * width).update(
                            from: block.first + k * block.channelStride + tap * block.tapStride, count: width)
                    }
                }
            }
        }
    }
}
