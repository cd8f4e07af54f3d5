import Foundation
import Synchronization
import Testing

@testable import Tensor

@Suite("Parallel regions")
struct ParallelRegionTests {
    @Test("Every index is visited exactly once for any grain", arguments: [1, 3, 64, 1_000])
    func cover(grain: Int) {
        for count in [0, 1, 2, 63, 500] {
            let visits = (0..<count).map { _ in Counter() }
            parallelFor(count, grain: grain) { range in
                for i in range { visits[i].value.wrappingAdd(1, ordering: .relaxed) }
            }
            #expect(visits.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test("Nested regions and concurrent regions of several threads run completely")
    func nested() {
        let total = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<200 {
                parallelFor(10, grain: 1) { _ in
                    parallelFor(5, grain: 2) { total.value.wrappingAdd($0.count, ordering: .relaxed) }
                }
            }
        }
        #expect(total.value.load(ordering: .relaxed) == 8 * 200 * 10 * 5)
    }

    @Test("Writes are visible after the region, also when the threads fell asleep in between")
    func visibility() {
        var numbers = [Int](repeating: 0, count: 4_096)
        for round in 1...50 {
            numbers.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                let target = SharedMutable(base)
                parallelFor(4_096, grain: 64) { range in for i in range { (target + i).pointee += i } }
            }
            #expect(numbers == (0..<4_096).map { $0 * round })
            if round % 10 == 0 { Thread.sleep(forTimeInterval: 0.002) }
        }
    }

    @Test("No two threads share scratch memory, which is aligned to 64 bytes, for any number of threads")
    func scratch() async {
        // In a process of its own, because the number of threads is that of the process.
        await #expect(processExitsWith: .success) {
            let faults = Counter()
            DispatchQueue.concurrentPerform(iterations: 3) { caller in
                for round in 0..<100 {
                    if caller == 0 { ThreadPool.threadCount = 1 + round % 5 }
                    let scratch = [1, 100, 5_000][round % 3]
                    parallelFor(40, grain: 3, scratch: scratch) { range, memory in
                        for index in range {
                            let numbers = UnsafeMutableBufferPointer(start: memory, count: scratch)
                            numbers.update(repeating: Float(caller * 40 + index))
                            sched_yield()
                            let isOwn = numbers.allSatisfy { $0 == Float(caller * 40 + index) }
                            if !isOwn || UInt(bitPattern: memory) % 64 != 0 {
                                faults.value.wrappingAdd(1, ordering: .relaxed)
                            }
                        }
                    }
                }
            }
            #expect(faults.value.load(ordering: .relaxed) == 0)
        }
    }

    @Test("A region without numbers calls nothing and takes no memory")
    func empty() {
        parallelFor(0, grain: 0) { _ in Issue.record("called") }
        parallelFor(0, grain: 0, scratch: 1_000) { _, _ in Issue.record("called") }
    }

    @Test("A region takes the scratch memory of all its threads at once")
    func scratchOfAllThreads() async {
        // In a process of its own, whose memory nothing else changes.
        await #expect(processExitsWith: .success) {
            ThreadPool.threadCount = 3
            let numberBytes = MemoryLayout<Float>.stride
            let outer = StoragePool.capacity(for: 3 * 1_008) * numberBytes
            parallelFor(64, grain: 1, scratch: 1_000) { _, _ in #expect(Tensor.usedByteCount == outer) }
            // A region inside another takes that of the one thread it runs on.
            parallelFor(2, grain: 1, scratch: 1_500) { range, _ in
                guard range.lowerBound == 0 else { return }
                let outer = StoragePool.capacity(for: 2 * 1_504) * numberBytes
                let inner = StoragePool.capacity(for: 512) * numberBytes
                parallelFor(4, grain: 1, scratch: 500) { _, _ in #expect(Tensor.usedByteCount == outer + inner) }
            }
            #expect(Tensor.usedByteCount == 0)
        }
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
