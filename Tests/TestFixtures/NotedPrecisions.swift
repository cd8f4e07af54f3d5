import Tensor

/// The precisions at which something was computed, noted from any thread.
package final class NotedPrecisions: Sendable {
    private let list = Lock([MatmulPrecision]())

    package init() {}

    /// The precisions so far, in order.
    package var all: [MatmulPrecision] { list.withLock { $0 } }

    /// Notes the current precision.
    package func note() { list.withLock { $0.append(.current) } }
}
