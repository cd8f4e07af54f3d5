import Foundation
import Tensor
import Testing

@Suite("Storage pool")
struct StoragePoolTests {
    /// Small tensors that need more than one block of large pages; some of them are freed on the way and their memory reused.
    @Test("Small tensors that live at the same time do not share memory and are aligned to 64 bytes")
    func smallTensors() {
        var tensors: [Tensor?] = []
        for index in 0..<4_000 {
            tensors.append(Tensor(repeating: Float(index), shape: [1 + index * 37 % 5_000]))
            if index % 5 == 4 { tensors[index - 2] = nil }
        }
        for (index, tensor) in tensors.enumerated() {
            guard let tensor else { continue }
            tensor.withUnsafeScalars { scalars in
                #expect(scalars.allSatisfy { $0 == Float(index) }, "tensor \(index)")
                #expect(UInt(bitPattern: scalars.baseAddress) % 64 == 0, "tensor \(index)")
            }
        }
        #expect(tensors.count { $0 == nil } == 800)
    }

    #if os(Linux)
        /// The resident memory of this process in bytes.
        private func residentBytes() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return try #require(Int(fields[1])) * Int(getpagesize())
        }

        @Test("Idle memory is returned to the system, and can be used again")
        func idleMemory() async {
            // In a process of its own, whose memory nothing else changes.
            await #expect(processExitsWith: .success) {
                let test = StoragePoolTests()
                // After a large block was freed, `malloc` would keep smaller ones in its heap.
                do { _ = Tensor(repeating: 1, shape: [6 << 20]) }
                releaseIdleTensorMemory()
                let before = try test.residentBytes()
                // 100 MiB in small tensors, 64 MiB in one, and 128 MiB in tensors of 4 MiB, the last of which is kept.
                var tensors = (0..<100).map { Tensor(repeating: Float($0), shape: [1 << 18]) }
                tensors.append(Tensor(repeating: 1, shape: [1 << 24]))
                tensors += (0..<32).map { Tensor(repeating: Float($0), shape: [1 << 20]) }
                let used = try test.residentBytes()
                #expect(used - before > 280 << 20)
                let kept = tensors[7]
                let last = tensors.last
                tensors = []
                releaseIdleTensorMemory()
                let idle = try test.residentBytes()
                #expect(idle - before < 16 << 20, "\(before) \(used) \(idle)")
                #expect(kept.scalars.allSatisfy { $0 == 7 } && last?.scalars.allSatisfy { $0 == 31 } == true)
                let again = (0..<100).map { Tensor(repeating: Float($0), shape: [1 << 18]) }
                #expect(
                    again.enumerated().allSatisfy { $1.scalars.allSatisfy { [number = Float($0)] in $0 == number } })
            }
        }
    #endif
}
