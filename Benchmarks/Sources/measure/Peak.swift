import CPeak
import Dispatch

/// What the processor could do at best.
enum Peak {
    /// Float32 operations a second of multiply-adds on registers, all threads together: the best of ten tries.
    static func operationsPerSecond(threads: Int) -> Double {
        let rounds = 20_000_000
        return (0..<10).map { _ in
            let start = ContinuousClock.now
            DispatchQueue.concurrentPerform(iterations: threads) { _ in
                var sink: Float = 1
                _ = peak_run(rounds, &sink)
            }
            var sink: Float = 1
            let operations = peak_run(1, &sink) * Double(rounds * threads)
            return operations / ((ContinuousClock.now - start) / .seconds(1))
        }.max() ?? 0
    }
}
