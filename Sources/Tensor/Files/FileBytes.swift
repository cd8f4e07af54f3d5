import Foundation

/// Where the bytes of a file of tensors are while it is open.
public enum FileStorage: Sendable {
    /// In the file, which is mapped into memory: opening is immediate, memory holds only what is read, and processes share it.
    ///
    /// The file must not be written to or shortened meanwhile. Replacing it by another of the same name, as this library and most programs
    /// do, is harmless. But if it is truncated in place, or its network drive fails, the system ends the process with the signal SIGBUS
    /// at the next access, which no error can report: use ``memory`` where that can happen.
    case mapped
    /// In memory, read as a whole on opening: what happens to the file afterwards does not matter.
    case memory
}

/// The bytes of a file, mapped into memory or read into it, for the lifetime of this object.
final class FileBytes: @unchecked Sendable {
    /// The bytes of the whole file.
    let bytes: UnsafeRawBufferPointer
    private let storage: FileStorage

    /// Throws ``SafetensorsError/unreadable(path:reason:)``.
    init(path: String, storage: FileStorage) throws {
        func failure(_ reason: String? = nil) -> SafetensorsError {
            .unreadable(path: path, reason: reason ?? FileError(path: path, operation: .reading).reason)
        }
        self.storage = storage
        // Without O_NONBLOCK, opening a named pipe without a writer would block forever.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("it is not a file") }
        let count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        switch storage {
        case .mapped:
            guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
            else { throw failure() }
            bytes = UnsafeRawBufferPointer(start: base, count: count)
        case .memory:
            let available = MemoryLimit.current.available
            guard count <= available else {
                throw failure("expected a file that fits in \(available >> 20) MiB of memory, found \(count >> 20) MiB")
            }
            var memory: UnsafeMutableRawPointer?
            guard posix_memalign(&memory, 64, count) == 0, let memory else { throw failure(FileError.sentence(ENOMEM)) }
            var position = 0
            while position < count {
                let found = read(descriptor, memory + position, count - position)
                if found < 0, errno == EINTR { continue }
                guard found > 0 else {
                    let reason = found < 0 ? nil : "it became shorter while it was read"
                    let error = failure(reason)
                    free(memory)
                    throw error
                }
                position += found
            }
            bytes = UnsafeRawBufferPointer(start: memory, count: count)
        }
    }

    deinit {
        guard let base = bytes.baseAddress.map({ UnsafeMutableRawPointer(mutating: $0) }) else { return }
        switch storage {
        case .mapped: munmap(base, bytes.count)
        case .memory: free(base)
        }
    }

    /// Releases the pages of a mapped part of ``bytes`` from memory, so that a network's weights leave memory with the network. If the
    /// part is read again, it comes from the disk or its cache. Bytes in memory stay.
    func giveBack(_ part: UnsafeRawBufferPointer) {
        guard storage == .mapped, let base = bytes.baseAddress, let start = part.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let offset = start - base
        let first = (offset + page - 1) / page * page
        let end = (offset + part.count) / page * page
        if end > first { madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED) }
    }
}
