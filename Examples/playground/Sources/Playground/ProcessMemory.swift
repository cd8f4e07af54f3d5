import CPlaygroundMalloc
import Foundation

/// The memory of this process.
enum ProcessMemory {
    /// Lets memory grow less under load. glibc gives threads heaps of their own, up to eight for each core, and each keeps its largest size:
    /// here all threads share one. Buffers from 32 KiB for which it has no room are mapped, and returned when they are freed, so that they leave
    /// no holes in which smaller allocations stay. To be called before other threads allocate, which keep the heap that they have.
    static func useOneSmallHeap() {
        #if canImport(Glibc)
            mallopt(M_ARENA_MAX, 1)
            mallopt(M_MMAP_THRESHOLD, 32 << 10)
        #endif
    }

    /// The bytes in memory, those of the mapped files of models among them; nil where the system has no /proc.
    static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let counts = text.split(separator: " ")
        guard counts.count > 1, let pages = Int(counts[1]) else { return nil }
        return pages * Int(getpagesize())
    }
}
