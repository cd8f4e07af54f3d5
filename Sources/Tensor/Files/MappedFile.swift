import Foundation

/// A file mapped into memory for reading, for the lifetime of this object.
final class MappedFile: @unchecked Sendable {
    /// The bytes of the whole file.
    let bytes: UnsafeRawBufferPointer

    /// Throws ``SafetensorsError/unreadable(path:reason:)``.
    init(path: String) throws {
        func failure(_ reason: String? = nil) -> SafetensorsError {
            .unreadable(path: path, reason: reason ?? FileError(path: path, operation: .reading).reason)
        }
        // Without O_NONBLOCK, opening a named pipe without a writer would block forever.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("it is not a file") }
        guard status.st_size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let base = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
        else { throw failure() }
        bytes = UnsafeRawBufferPointer(start: base, count: Int(status.st_size))
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }

    /// Releases the pages of a part of ``bytes`` from memory, so that a network's weights leave memory with the network. If the
    /// part is read again, it comes from the disk or its cache.
    func giveBack(_ part: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, let start = part.baseAddress else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let offset = start - base
        let first = (offset + page - 1) / page * page
        let end = (offset + part.count) / page * page
        if end > first { madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED) }
    }
}
