/// Calls `body` with ranges of at most `grain` numbers that together cover `0..<count`, on several threads.
///
/// The ranges depend only on `count` and `grain`, never on the number of threads; idle threads take the next range, so a
/// busy core does not hold up the others. Inside another parallel region, or while another thread runs one, all ranges run
/// on the calling thread.
package func parallelFor(_ count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
    guard count > 0 else { return }
    Region(count: count, grain: grain).run { range, _ in body(range) }
}

/// Calls `body` with ranges as ``parallelFor(_:grain:_:)`` does, and with memory for `scratch` numbers of unspecified content, aligned to
/// cache lines, that no other thread uses meanwhile.
///
/// The memory of all threads is taken at once, so what the pool has to hold does not depend on how many threads worked at a time.
func parallelFor(
    _ count: Int, grain: Int, scratch: Int, _ body: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) -> Void
) {
    guard count > 0 else { return }
    let region = Region(count: count, grain: grain)
    let part = (scratch + 15) / 16 * 16
    withScratch(region.threads * part) { memory in
        let memory = SharedMutable(memory)
        region.run { range, thread in body(range, memory + thread * part) }
    }
}

/// The ranges of a parallel region and the threads that it may use.
private struct Region {
    let count: Int
    let grain: Int
    let chunks: Int
    /// At most so many threads call the body at a time; one if a region is running already.
    let threads: Int

    init(count: Int, grain: Int) {
        (self.count, self.grain) = (count, grain)
        chunks = (count + grain - 1) / grain
        threads = Workers.shared.isRunning ? 1 : max(1, min(ThreadPool.threadCount, chunks))
    }

    /// Calls `body` with each range and the number of the thread that it runs on, from 0 on.
    func run(_ body: @Sendable (Range<Int>, Int) -> Void) {
        @Sendable func call(_ chunk: Int, on thread: Int) {
            body(chunk * grain..<min(count, (chunk + 1) * grain), thread)
        }
        if threads == 1 || !Workers.shared.run(chunks, helpers: threads - 1, call) {
            for chunk in 0..<chunks { call(chunk, on: 0) }
        }
    }
}
