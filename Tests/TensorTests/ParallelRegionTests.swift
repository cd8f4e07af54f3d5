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

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
