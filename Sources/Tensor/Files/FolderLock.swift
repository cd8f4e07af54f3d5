import Foundation
import Synchronization

/// Locks a folder against other processes by a lock on a file in it, which the system releases when the process ends for any reason.
///
/// Within a process all locks of one folder are the same object. On file systems without locks, such as some network file systems,
/// other processes are not kept out.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    private struct Held: @unchecked Sendable {
        weak var lock: FolderLock?
    }

    private static let held = Mutex<[String: Held]>([:])

    /// Locks an existing folder until the returned object is no longer referenced.
    ///
    /// - Parameters:
    ///   - folder: the folder.
    ///   - name: the lock file's name; the file is created if it is missing, and never removed.
    ///
    /// Throws ``FileError`` if another process has locked the folder, or the file cannot be created.
    package static func lock(_ folder: URL, name: String) throws -> FolderLock {
        let file = folder.resolvingSymlinksInPath().appending(path: name)
        return try held.withLock { held in
            if let lock = held[file.path]?.lock { return lock }
            let lock = try FolderLock(file, of: folder)
            held[file.path] = Held(lock: lock)
            return lock
        }
    }

    private init(_ file: URL, of folder: URL) throws {
        descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw FileError(path: file.path, operation: .writing) }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            var digits = [UInt8](repeating: 0, count: 20)
            let count = max(0, read(descriptor, &digits, digits.count))
            close(descriptor)
            let process = String(decoding: digits[..<count].prefix { $0 != 10 }, as: UTF8.self)
            throw FileError(
                path: folder.path, operation: .writing,
                reason: "another process works in this folder" + (process.isEmpty ? "" : ", number \(process)"))
        }
        let process = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, process, process.count, 0)
    }

    deinit { close(descriptor) }
}
