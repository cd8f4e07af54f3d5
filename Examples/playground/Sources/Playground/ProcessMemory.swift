import CMalloc
import Foundation

/// The memory of this process.
enum ProcessMemory {
    /// Keeps the heap from growing for as long as chance finds new maxima: all threads allocate from one, where glibc gives each its own; and buffers
    /// from 32 KiB, such as those that compress an image, come from the system and go back to it, so that they leave no holes in which
    /// smaller allocations stay. Has an effect only before other threads allocate.
    static func useOneSmallHeap() {
        #if canImport(Glibc)
            mallopt(M_ARENA_MAX, 1)
            mallopt(M_MMAP_THRESHOLD, 32 << 10)
        #endif
    }

    /// The bytes in memory, in whole pages; nil where the system has no /proc that tells.
    static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let counts = text.split(separator: " ")
        guard counts.count > 1, let pages = Int(counts[1]) else { return nil }
        return pages * Int(getpagesize())
    }
}
