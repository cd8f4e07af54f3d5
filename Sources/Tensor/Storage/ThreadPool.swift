import Dispatch
import Foundation
import Synchronization

/// The threads that tensor operations run on: a process-wide setting, by default one a processor core.
public enum ThreadPool {
    private static let count = Atomic<Int>(max(1, ProcessInfo.processInfo.activeProcessorCount))

    /// How many threads an operation may use, at least 1. Results are bit-identical for a given number, and differ by
    /// less than 1e-6 relative between numbers.
    public static var threadCount: Int {
        get { count.load(ordering: .relaxed) }
        set {
            precondition(newValue >= 1, "ThreadPool.threadCount: expected at least 1, found \(newValue)")
            count.store(newValue, ordering: .relaxed)
        }
    }
}

/// Calls `body` with ranges of at most `grain` numbers that together cover `0..<count`, on several threads.
///
/// The ranges depend only on `count` and `grain`, never on the number of threads; idle threads take the next range, so a
/// busy core does not hold up the others.
package func parallelFor(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let chunks = (count + grain - 1) / grain
    let workers = min(ThreadPool.threadCount, chunks)
    guard workers > 1 else {
        for chunk in 0..<chunks { body(chunk * grain..<min(count, (chunk + 1) * grain)) }
        return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
        while true {
            let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks else { return }
            body(chunk * grain..<min(count, (chunk + 1) * grain))
        }
    }
}
