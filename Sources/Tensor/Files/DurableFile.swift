import Foundation

/// Writes files atomically: a file is complete or absent, even if the machine stops at any moment.
///
/// Symbolic links are followed: the file at the end is replaced, the link stays. Anything but a plain file (a folder, a device, a
/// pipe) and files without any write permission are refused, because a rename would replace them.
package enum DurableFile {
    /// Writes a temporary file next to `url`, synchronises it to disk, and renames it.
    ///
    /// Throws ``FileError``, and what `body` throws; the temporary file is then removed.
    package static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
        try replace(url) { temporary in
            let file = try FileHandle(forWritingTo: temporary)
            try body(file)
            try file.close()
        }
    }

    /// Lets `body` fill an empty temporary file next to `url`, synchronises it to disk, and renames it. Throws as ``write(to:_:)``.
    package static func replace(_ url: URL, _ body: (URL) throws -> Void) throws {
        let target = try target(of: url)
        let name = target.lastPathComponent
        // A file name may have 255 bytes, including the prefix and suffix added here.
        let stem = name.utf8.count <= 200 ? ".\(name)" : ""
        let temporary = target.deletingLastPathComponent().appending(path: "\(stem).\(UUID().uuidString).partial")
        do {
            try FileError.attempt(.writing, url.path) {
                try Data().write(to: temporary)
                try keepPermissions(of: target, for: temporary)
                try body(temporary)
                let file = try FileHandle(forUpdating: temporary)
                try file.synchronize()
                try file.close()
                try rename(temporary, to: target)
            }
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            throw error
        }
    }

    /// Writes all bytes of a file. Throws ``FileError``.
    package static func write(_ data: Data, to url: URL) throws {
        try write(to: url) { try $0.write(contentsOf: data) }
    }

    /// Writes a value as indented JSON with sorted keys and a newline at the end. Throws ``FileError``.
    package static func writeJSON(_ value: some Encodable, to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(FileError.attempt(.writing, url.path) { try encoder.encode(value) } + Data("\n".utf8), to: url)
    }

    /// Replaces `target` atomically, and synchronises the folder's entry to disk. Throws ``FileError``.
    private static func rename(_ source: URL, to target: URL) throws {
        guard Foundation.rename(source.path, target.path) == 0 else {
            throw FileError(path: target.path, operation: .writing)
        }
        let folder = open(target.deletingLastPathComponent().path, O_RDONLY)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Replaces the file at `url` by one already synchronised to disk on the same file system, as ``write(to:_:)`` does. Throws
    /// ``FileError``.
    package static func move(_ source: URL, to url: URL) throws { try rename(source, to: target(of: url)) }

    /// Creates a folder and its parents if they are missing. Throws ``FileError``.
    package static func makeFolder(_ url: URL) throws {
        var status = stat()
        if stat(url.path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            throw FileError(path: url.path, operation: .writing, reason: "expected a folder, found a file")
        }
        try FileError.attempt(.writing, url.path) {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }
    }

    /// Creates a folder if it is missing, and checks that files can be created in it. Throws ``FileError``.
    package static func prepareFolder(_ url: URL) throws {
        try makeFolder(url)
        guard access(url.path, W_OK | X_OK) == 0 else { throw FileError(path: url.path, operation: .writing) }
    }

    /// Checks that a file can be written, before the work whose result it will hold; creates its folder if it is missing. Throws
    /// ``FileError``.
    package static func prepare(_ url: URL) throws {
        guard !url.hasDirectoryPath || url.path == "/" else {
            throw FileError(path: "\(url.path)/", operation: .writing, reason: "expected a file, found a folder")
        }
        try FileError.attempt(.writing, url.path) {
            try prepareFolder(target(of: url, mayLackFolder: true).deletingLastPathComponent())
        }
    }

    /// The file at a path, with symbolic links resolved. Throws ``FileError`` for anything that cannot be replaced by a file.
    private static func target(of url: URL, mayLackFolder: Bool = false) throws -> URL {
        func refuse(_ reason: String) -> FileError { FileError(path: url.path, operation: .writing, reason: reason) }
        var target = url
        for _ in 0..<40 {
            // Links below /proc stand for a process's open files, which have no path that could be replaced.
            guard !target.path.hasPrefix("/proc/") else { throw refuse("expected a plain file, found an open one") }
            var status = stat()
            guard lstat(target.path, &status) == 0 else {
                if errno == ENOENT, mayLackFolder || isFolder(target.deletingLastPathComponent()) { return target }
                if errno == ENOENT {
                    throw refuse("there is no folder \(target.deletingLastPathComponent().path)")
                }
                throw FileError(path: url.path, operation: .writing)
            }
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                let next = try FileError.attempt(.writing, url.path) {
                    try FileManager.default.destinationOfSymbolicLink(atPath: target.path)
                }
                target = URL(filePath: next, relativeTo: target.deletingLastPathComponent()).absoluteURL
            case S_IFREG:
                guard status.st_mode & 0o222 != 0 else { throw refuse("the file is write-protected") }
                return target
            case S_IFDIR: throw refuse("expected a file, found a folder")
            case S_IFIFO: throw refuse("expected a plain file, found a named pipe")
            case S_IFSOCK: throw refuse("expected a plain file, found a socket")
            default: throw refuse("expected a plain file, found a device")
            }
        }
        throw FileError(path: url.path, operation: .writing, code: ELOOP)
    }

    private static func isFolder(_ url: URL) -> Bool {
        var status = stat()
        return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func keepPermissions(of target: URL, for temporary: URL) throws {
        var status = stat()
        guard stat(target.path, &status) == 0 else { return }
        chmod(temporary.path, status.st_mode & 0o777)
    }
}
