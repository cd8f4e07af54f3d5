import Dispatch
import Foundation
import Synchronization

/// The threads that tensor operations run on: a process-wide setting, by default `TENSOR_THREADS` of the environment, or one per processor
/// core.
public enum ThreadPool {
    private static let count = Atomic<Int>(
        EnvironmentSetting.integer("TENSOR_THREADS", in: threadCounts)
            ?? max(1, ProcessInfo.processInfo.activeProcessorCount))

    /// The valid values of ``threadCount``.
    public static let threadCounts = 1...1024

    /// The number of threads that an operation may use, 1 to 1024. Results are bit-identical for a given number of threads, and
    /// differ by less than 1e-6 relative between different numbers.
    public static var threadCount: Int {
        get { count.load(ordering: .relaxed) }
        set {
            require(
                threadCounts.contains(newValue), "ThreadPool.threadCount: expected \(threadCounts), found \(newValue)")
            count.store(newValue, ordering: .relaxed)
        }
    }
}

/// Calls `body` with ranges of at most `grain` numbers that together cover `0..<count`, on several threads.
///
/// The ranges depend only on `count` and `grain`, never on the number of threads; idle threads take the next range, so a
/// busy core does not hold up the others. Inside another parallel region, or while another thread runs one, all ranges run
/// on the calling thread.
package func parallelFor(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let chunks = (count + grain - 1) / grain
    @Sendable func run(_ chunk: Int) { body(chunk * grain..<min(count, (chunk + 1) * grain)) }
    let helpers = min(ThreadPool.threadCount, chunks) - 1
    if helpers < 1 || !Workers.shared.run(chunks, helpers: helpers, run) {
        for chunk in 0..<chunks { run(chunk) }
    }
}

/// Threads that wait for parallel regions. After a region they spin briefly, because the next one usually follows within
/// microseconds, sooner than a sleeping thread could wake; then they sleep.
private final class Workers: Sendable {
    static let shared = Workers()

    /// One parallel region, while it is open.
    private struct Region: @unchecked Sendable {
        /// The body, which lives in the frame of the region's owner.
        var body: UnsafePointer<(Int) -> Void>?
        var chunks = 0
        var helpers = 0
    }

    /// The number of polls before a waiting thread sleeps: about 50 µs.
    private static let pollsBeforeSleep = 2_000

    private let isBusy = Atomic<Bool>(false)
    private let isOpen = Atomic<Bool>(false)
    private let generation = Atomic<Int>(0)
    private let nextChunk = Atomic<Int>(0)
    /// Helpers that may be inside the region.
    private let inside = Atomic<Int>(0)
    private let sleeping = Atomic<Int>(0)
    private let started = Atomic<Int>(0)
    private let wakeUp = DispatchSemaphore(value: 0)
    /// Written only by the thread that holds `isBusy` while the region is closed and nobody is inside.
    nonisolated(unsafe) private var region = Region()

    /// Runs the chunks on the calling thread and up to `helpers` others; does nothing and returns false if a region is running.
    func run(_ chunks: Int, helpers: Int, _ body: @Sendable (Int) -> Void) -> Bool {
        guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        defer { isBusy.store(false, ordering: .releasing) }
        while started.load(ordering: .relaxed) < helpers { startThread() }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body as (Int) -> Void) { body in
                region = Region(body: body, chunks: chunks, helpers: helpers)
                nextChunk.store(0, ordering: .relaxed)
                isOpen.store(true, ordering: .sequentiallyConsistent)
                generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
                for _ in 0..<min(helpers, sleeping.load(ordering: .sequentiallyConsistent)) { wakeUp.signal() }
                work(chunks, body.pointee)
                isOpen.store(false, ordering: .sequentiallyConsistent)
                waitUntilNobodyIsInside()
                region.body = nil
            }
        }
        return true
    }

    /// Spins briefly, then yields to other threads: on a busy machine the helper may have lost its core.
    private func waitUntilNobodyIsInside() {
        var polls = 0
        while inside.load(ordering: .sequentiallyConsistent) > 0 {
            polls += 1
            if polls < Self.pollsBeforeSleep { pauseInSpinLoop() } else { sched_yield() }
        }
    }

    private func help(_ position: Int) {
        guard isOpen.load(ordering: .sequentiallyConsistent), position < region.helpers, let body = region.body
        else { return }
        work(region.chunks, body.pointee)
    }

    private func work(_ chunks: Int, _ body: (Int) -> Void) {
        while true {
            let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks else { return }
            body(chunk)
        }
    }

    private func startThread() {
        started.wrappingAdd(1, ordering: .relaxed)
        let thread = Thread { [self] in
            var seen = 0
            while true {
                seen = waitForRegion(after: seen)
                // Counted before checking for a region: the owner waits until no helper is inside before it releases the region.
                let position = inside.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
                help(position)
                inside.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            }
        }
        thread.stackSize = 1 << 20
        thread.qualityOfService = .userInitiated
        thread.start()
    }

    private func waitForRegion(after seen: Int) -> Int {
        for _ in 0..<Self.pollsBeforeSleep {
            let now = generation.load(ordering: .acquiring)
            if now != seen { return now }
            pauseInSpinLoop()
        }
        sleeping.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen { wakeUp.wait() }
        sleeping.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        return generation.load(ordering: .sequentiallyConsistent)
    }
}
