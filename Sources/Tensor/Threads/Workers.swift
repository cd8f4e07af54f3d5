import Dispatch
import Foundation
import Synchronization

/// Threads that wait for parallel regions. After a region they spin briefly, because the next one usually follows within
/// microseconds, sooner than a sleeping thread could wake; then they sleep.
final class Workers: Sendable {
    static let shared = Workers()

    /// Computes a chunk on the thread with a number.
    typealias Body = (_ chunk: Int, _ thread: Int) -> Void

    /// The parallel region that is open.
    private struct OpenRegion: @unchecked Sendable {
        /// The body, which lives in the frame of the region's owner.
        var body: UnsafePointer<Body>?
        var chunks = 0
        var helpers = 0
    }

    /// The number of polls before a waiting thread sleeps: about 50 µs.
    private static let pollsBeforeSleep = 2_000

    private let isBusy = Atomic<Bool>(false)
    private let isOpen = Atomic<Bool>(false)
    private let generation = Atomic<Int>(0)
    private let nextChunk = Atomic<Int>(0)
    /// The number of the next helper that joins the region; the owner is thread 0. Helpers with numbers above `helpers` take no part.
    private let nextThread = Atomic<Int>(1)
    /// Helpers that may be inside the region.
    private let inside = Atomic<Int>(0)
    private let sleeping = Atomic<Int>(0)
    private let started = Atomic<Int>(0)
    private let wakeUp = DispatchSemaphore(value: 0)
    /// Written only by the thread that holds `isBusy` while the region is closed and nobody is inside.
    nonisolated(unsafe) private var region = OpenRegion()

    /// Whether a region is running.
    var isRunning: Bool { isBusy.load(ordering: .relaxed) }

    /// Runs the chunks on the calling thread and up to `helpers` others; does nothing and returns false if a region is running.
    func run(_ chunks: Int, helpers: Int, _ body: @Sendable (_ chunk: Int, _ thread: Int) -> Void) -> Bool {
        guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        defer { isBusy.store(false, ordering: .releasing) }
        while started.load(ordering: .relaxed) < helpers { startThread() }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body as Body) { body in
                region = OpenRegion(body: body, chunks: chunks, helpers: helpers)
                nextChunk.store(0, ordering: .relaxed)
                nextThread.store(1, ordering: .relaxed)
                isOpen.store(true, ordering: .sequentiallyConsistent)
                generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
                for _ in 0..<min(helpers, sleeping.load(ordering: .sequentiallyConsistent)) { wakeUp.signal() }
                work(chunks, on: 0, body.pointee)
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

    private func help() {
        guard isOpen.load(ordering: .sequentiallyConsistent), let body = region.body else { return }
        let thread = nextThread.wrappingAdd(1, ordering: .relaxed).oldValue
        guard thread <= region.helpers else { return }
        work(region.chunks, on: thread, body.pointee)
    }

    private func work(_ chunks: Int, on thread: Int, _ body: Body) {
        while true {
            let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
            guard chunk < chunks else { return }
            body(chunk, thread)
        }
    }

    private func startThread() {
        started.wrappingAdd(1, ordering: .relaxed)
        let thread = Thread { [self] in
            var seen = 0
            while true {
                seen = waitForRegion(after: seen)
                // Counted before checking for a region: the owner waits until no helper is inside before it releases the region.
                inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
                help()
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
