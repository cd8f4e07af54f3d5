import Foundation

/// Files that are there whole or not at all, whenever the machine stops.
///
/// A symbolic link is written through: the file that it leads to is replaced, the link stays. What is no plain file (a folder, a
/// device, a pipe) and a file without any write permission are refused, because a rename would replace them.
package enum DurableFile {
    /// Writes beside `url` under a temporary name, waits for the disk, and renames.
    ///
    /// Throws ``FileError``, and what `body` throws; the temporary file is taken away then.
    package static func write(to url: URL, _ body: (FileHandle) throws -> Void) throws {
        try replace(url) { temporary in
            let file = try FileHandle(forWritingTo: temporary)
            try body(file)
            try file.close()
        }
    }

    /// Lets `body` fill an empty file beside `url`, waits for the disk, and renames. Throws as ``write(to:_:)``.
    package static func replace(_ url: URL, _ body: (URL) throws -> Void) throws {
        let target = try target(of: url)
        let name = target.lastPathComponent
        // A name may have 255 bytes, with what stands around it here.
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

    /// Replaces `target` in one step, and waits until the folder's entry is on the disk. Throws ``FileError``.
    private static func rename(_ source: URL, to target: URL) throws {
        guard Foundation.rename(source.path, target.path) == 0 else {
            throw FileError(path: target.path, operation: .writing)
        }
        let folder = open(target.deletingLastPathComponent().path, O_RDONLY)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Puts a file that is on the disk in the place of another on the same file system, as ``write(to:_:)`` does. Throws ``FileError``.
    package static func move(_ source: URL, to url: URL) throws { try rename(source, to: target(of: url)) }

    /// Makes a folder and those above it, where they are missing. Throws ``FileError``.
    package static func makeFolder(_ url: URL) throws {
        var status = stat()
        if stat(url.path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            throw FileError(path: url.path, operation: .writing, reason: "expected a folder, found a file")
        }
        try FileError.attempt(.writing, url.path) {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }
    }

    /// Makes a folder where it is missing, and looks whether files can be made in it. Throws ``FileError``.
    package static func prepareFolder(_ url: URL) throws {
        try makeFolder(url)
        guard access(url.path, W_OK | X_OK) == 0 else { throw FileError(path: url.path, operation: .writing) }
    }

    /// Looks whether a file can be written, before the work that leads to it; the folder is made where it is missing. Throws
    /// ``FileError``.
    package static func prepare(_ url: URL) throws {
        guard !url.hasDirectoryPath || url.path == "/" else {
            throw FileError(path: "\(url.path)/", operation: .writing, reason: "expected a file, found a folder")
        }
        try FileError.attempt(.writing, url.path) {
            try prepareFolder(target(of: url, mayLackFolder: true).deletingLastPathComponent())
        }
    }

    /// The file that a path leads to, links followed. Throws ``FileError`` for what cannot be replaced by a file.
    private static func target(of url: URL, mayLackFolder: Bool = false) throws -> URL {
        func refuse(_ reason: String) -> FileError { FileError(path: url.path, operation: .writing, reason: reason) }
        var target = url
        for _ in 0..<40 {
            // What a process has open has a link there, which leads to no place that could be written anew.
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
