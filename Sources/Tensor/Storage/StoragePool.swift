import Foundation
import Synchronization

/// Recycles tensor memory: a network asks for the same few sizes again and again, and fresh pages from the system cost
/// more than most kernels that fill them.
final class StoragePool: Sendable {
    static let shared = StoragePool()

    /// Memory that is idle beyond this is given back to the system.
    private static let idleByteLimit = 1 << 30

    private struct Shelves {
        var idle: [Int: [UInt]] = [:]
        var idleBytes = 0
    }
    private let shelves = Mutex(Shelves())

    /// Sizes are rounded up to a quarter of their power of two, so that near sizes share memory.
    static func capacity(for count: Int) -> Int {
        let minimum = max(count, 16)
        let step = max(16, 1 << max(0, Int.bitWidth - 1 - minimum.leadingZeroBitCount - 2))
        return (minimum + step - 1) / step * step
    }

    func take(capacity: Int) -> UnsafeMutablePointer<Float> {
        let bytes = capacity * MemoryLayout<Float>.stride
        let recycled: UInt? = shelves.withLock { shelves in
            guard let address = shelves.idle[capacity]?.popLast() else { return nil }
            shelves.idleBytes -= bytes
            return address
        }
        if let recycled, let pointer = UnsafeMutablePointer<Float>(bitPattern: recycled) { return pointer }
        var memory: UnsafeMutableRawPointer?
        let status = posix_memalign(&memory, 64, bytes)
        guard status == 0, let memory else {
            preconditionFailure("out of memory: a tensor of \(bytes) bytes could not be allocated")
        }
        return memory.bindMemory(to: Float.self, capacity: capacity)
    }

    func put(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
        let bytes = capacity * MemoryLayout<Float>.stride
        let kept = shelves.withLock { shelves in
            guard shelves.idleBytes + bytes <= Self.idleByteLimit else { return false }
            shelves.idle[capacity, default: []].append(UInt(bitPattern: pointer))
            shelves.idleBytes += bytes
            return true
        }
        if !kept { free(pointer) }
    }
}
