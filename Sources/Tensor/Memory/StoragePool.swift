import Foundation
import Synchronization

/// Recycles tensor memory: a network allocates the same few sizes repeatedly, and fresh pages from the system cost more time
/// than most kernels that fill them.
final class StoragePool: Sendable {
    static let shared = StoragePool()

    /// A quarter of the memory is enough for the gradients of a large network, which are allocated and freed in each step.
    private static let quarterOfMemory = Int(ProcessInfo.processInfo.physicalMemory / 4)
    /// The number of processes that divide the host's idle memory among themselves.
    private let processes = Atomic<Int>(1)
    /// Above this many idle bytes, memory of the least recently used sizes is returned to the system.
    private var idleByteLimit: Int { Self.quarterOfMemory / processes.load(ordering: .relaxed) }
    /// How far the memory held may exceed the peak memory in use. Beyond that, idle memory is freed before fresh memory is
    /// allocated.
    private var slack: Int { (1 << 30) / processes.load(ordering: .relaxed) }
    /// From this size on, memory is aligned to large pages, each of which the system maps in place of 512 small ones. Smaller
    /// allocations are cut from blocks of large pages, which stay mapped.
    fileprivate static let largePage = 2 << 20
    private static let blockBytes = 16 << 20

    fileprivate struct Shelf {
        var idle: [UInt] = []
        var lastUse = 0
    }

    fileprivate struct Shelves {
        /// Idle memory that is to be returned to the system.
        struct Idle {
            let address: UInt
            let bytes: Int
        }

        var byCapacity: [Int: Shelf] = [:]
        var idleBytes = 0
        var usedBytes = 0
        var mostUsedBytes = 0
        var clock = 0
    }
    private let shelves = Lock(Shelves())

    /// The unused rest of the block that small allocations are cut from.
    private struct Block {
        var next: UInt = 0
        var bytes = 0
    }
    private let block = Lock(Block())

    /// The capacity for `count` numbers, rounded up to a quarter of a power of two so that similar sizes share memory.
    static func capacity(for count: Int) -> Int {
        let minimum = max(count, 16)
        let step = max(16, 1 << max(0, Int.bitWidth - 1 - minimum.leadingZeroBitCount - 2))
        return (minimum + step - 1) / step * step
    }

    /// Memory for at least `count` numbers, and its capacity.
    func take(count: Int) -> (memory: UnsafeMutablePointer<Float>, capacity: Int) {
        let capacity = Self.capacity(for: count)
        let (recycled, surplus) = shelves.withLock { shelves in
            if let recycled = shelves.take(capacity) { return (Optional(recycled), [Shelves.Idle]()) }
            shelves.use(capacity)
            return (nil, shelves.shrink(to: shelves.mostUsedBytes + slack - shelves.usedBytes))
        }
        if let recycled, let memory = UnsafeMutablePointer<Float>(bitPattern: recycled.address) {
            return (memory, recycled.capacity)
        }
        Self.release(surplus)
        let bytes = capacity * MemoryLayout<Float>.stride
        let memory = bytes < Self.largePage ? cut(bytes) : Self.allocate(bytes)
        return (memory.bindMemory(to: Float.self, capacity: capacity), capacity)
    }

    /// Keeps only this process's share of idle memory from now on.
    func share(among processes: Int) { self.processes.store(max(processes, 1), ordering: .relaxed) }

    /// The bytes that are handed out.
    var usedByteCount: Int { shelves.withLock { $0.usedBytes } }

    func put(_ memory: UnsafeMutablePointer<Float>, capacity: Int) {
        let surplus = shelves.withLock { shelves in
            shelves.put(UInt(bitPattern: memory), capacity)
            return shelves.shrink(to: idleByteLimit)
        }
        Self.release(surplus)
    }

    /// Returns idle memory to the system. Of small allocations, which stay parts of their blocks, the whole pages are returned.
    func releaseIdle() {
        Self.release(
            shelves.withLock { shelves in
                shelves.mostUsedBytes = shelves.usedBytes
                let large = shelves.shrink(to: 0)
                for (capacity, shelf) in shelves.byCapacity {
                    for address in shelf.idle { Self.returnPages(address, capacity * MemoryLayout<Float>.stride) }
                }
                return large
            })
    }

    /// Returns the pages within an allocation, whose contents are lost, while its addresses stay valid.
    private static func returnPages(_ address: UInt, _ bytes: Int) {
        let page = UInt(getpagesize())
        let first = (address + page - 1) / page * page
        let end = (address + UInt(bytes)) / page * page
        guard end > first, let memory = UnsafeMutableRawPointer(bitPattern: first) else { return }
        #if os(Linux)
            madvise(memory, Int(end - first), Int32(MADV_DONTNEED))
        #else
            madvise(memory, Int(end - first), MADV_FREE)
        #endif
    }

    private static func release(_ surplus: [Shelves.Idle]) {
        for memory in surplus { unmap(memory.address, pages(memory.bytes)) }
    }

    /// Unmaps whole pages, or returns their memory alone if the system has no room for another mapping.
    private static func unmap(_ address: UInt, _ bytes: Int) {
        guard bytes > 0, munmap(UnsafeMutableRawPointer(bitPattern: address), bytes) != 0 else { return }
        returnPages(address, bytes)
    }

    /// A number of bytes, rounded up to whole pages.
    private static func pages(_ bytes: Int) -> Int {
        let page = Int(getpagesize())
        return (bytes + page - 1) / page * page
    }

    /// A part of a block, directly after the previous part. Capacities are multiples of 64 bytes, so it stays aligned.
    private func cut(_ bytes: Int) -> UnsafeMutableRawPointer {
        block.withLock { block in
            if block.bytes < bytes {
                block = Block(next: UInt(bitPattern: Self.allocate(Self.blockBytes)), bytes: Self.blockBytes)
            }
            defer { block = Block(next: block.next + UInt(bytes), bytes: block.bytes - bytes) }
            guard let memory = UnsafeMutableRawPointer(bitPattern: block.next) else {
                fatalError("StoragePool: a block at no address")
            }
            return memory
        }
    }

    /// Memory that begins at a large page; from the system, because `malloc` keeps what it has cut from its heap.
    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let length = pages(bytes)
        let mapped = mmap(nil, length + largePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            fatalError("out of memory: a tensor of \(bytes) bytes could not be allocated")
        }
        let memory = mapped.alignedUp(toMultipleOf: largePage)
        let before = memory - mapped
        unmap(UInt(bitPattern: mapped), before)
        unmap(UInt(bitPattern: memory) + UInt(length), largePage - before)
        #if os(Linux)
            madvise(memory, bytes / largePage * largePage, Int32(MADV_HUGEPAGE))
        #endif
        return memory
    }
}

/// Returns the memory that tensors are recycled from to the system.
package func releaseIdleTensorMemory() { StoragePool.shared.releaseIdle() }

/// Says that several processes share the host's memory, so that each keeps less of it idle.
package func shareTensorMemory(among processes: Int) { StoragePool.shared.share(among: processes) }

extension StoragePool.Shelves {
    /// Idle memory of the given capacity, or of a larger one up to twice as large.
    mutating func take(_ capacity: Int) -> (address: UInt, capacity: Int)? {
        clock += 1
        byCapacity[capacity, default: .init()].lastUse = clock
        let limit = 2 * capacity
        let fitting =
            byCapacity[capacity]?.idle.isEmpty == false
            ? capacity : byCapacity.filter { $0.key > capacity && $0.key <= limit && !$0.value.idle.isEmpty }.keys.min()
        guard let fitting, let address = byCapacity[fitting]?.idle.popLast() else { return nil }
        idleBytes -= fitting * MemoryLayout<Float>.stride
        use(fitting)
        return (address, fitting)
    }

    /// Counts memory that is handed out.
    mutating func use(_ capacity: Int) {
        usedBytes += capacity * MemoryLayout<Float>.stride
        mostUsedBytes = max(mostUsedBytes, usedBytes)
    }

    mutating func put(_ address: UInt, _ capacity: Int) {
        byCapacity[capacity, default: .init()].idle.append(address)
        let bytes = capacity * MemoryLayout<Float>.stride
        (idleBytes, usedBytes) = (idleBytes + bytes, usedBytes - bytes)
    }

    /// Removes memory of the least recently used large sizes until at most `limit` bytes are idle, and returns it.
    mutating func shrink(to limit: Int) -> [Idle] {
        var surplus: [Idle] = []
        while idleBytes > limit {
            let oldest = byCapacity.filter { capacity, shelf in
                capacity * MemoryLayout<Float>.stride >= StoragePool.largePage && !shelf.idle.isEmpty
            }.min { $0.value.lastUse < $1.value.lastUse }
            guard let oldest, let address = byCapacity[oldest.key]?.idle.popLast() else { break }
            let bytes = oldest.key * MemoryLayout<Float>.stride
            surplus.append(Idle(address: address, bytes: bytes))
            idleBytes -= bytes
        }
        return surplus
    }
}
