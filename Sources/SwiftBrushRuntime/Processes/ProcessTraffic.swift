import Tensor

/// What the processes of a run spend on their gradients: for the line at the end of a run.
enum ProcessTraffic {
    private struct Seconds {
        var exchanging = 0.0
        var waiting = 0.0
        var gathering = 0.0
    }
    private static let total = Lock(Seconds())

    static func add(exchangeSeconds: Double = 0, waitedSeconds: Double = 0, gatherSeconds: Double = 0) {
        total.withLock {
            $0.exchanging += exchangeSeconds
            $0.waiting += waitedSeconds
            $0.gathering += gatherSeconds
        }
    }

    /// One line; nil if nothing was sent.
    static var summary: String? {
        let total = total.withLock { $0 }
        guard total.exchanging > 0 else { return nil }
        func seconds(_ value: Double) -> String { "\((value * 1000).rounded() / 1000) s" }
        return "gradients: sent for \(seconds(total.exchanging)), of which the step waited \(seconds(total.waiting)); "
            + "results gathered for \(seconds(total.gathering))"
    }
}
