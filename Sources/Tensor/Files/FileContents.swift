import Foundation

/// Reads whole files.
package enum FileContents {
    /// The maximum number of bytes read from a pipe, whose size is not known.
    private static let pipeLimit = 1 << 30

    /// The bytes of a file, or of a pipe such as the shell's `<(command)`. A named pipe without a writer is empty; devices and folders
    /// are refused. Throws ``FileError``.
    package static func read(_ url: URL) throws -> Data {
        func failure(_ reason: String) -> FileError { FileError(path: url.path, operation: .reading, reason: reason) }
        // Without O_NONBLOCK, opening a named pipe without a writer would block forever.
        let descriptor = open(url.path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: url.path, operation: .reading) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(path: url.path, operation: .reading) }
        return try FileError.attempt(.reading, url.path) {
            switch status.st_mode & S_IFMT {
            case S_IFREG:
                return try file.readToEnd() ?? Data()
            case S_IFIFO:
                _ = fcntl(descriptor, F_SETFL, 0)
                let data = try file.read(upToCount: pipeLimit) ?? Data()
                guard data.count < pipeLimit else { throw failure("the pipe gives more than \(pipeLimit >> 30) GiB") }
                return data
            case S_IFDIR: throw failure("it is a folder")
            default: throw failure("expected a file, found a device")
            }
        }
    }
}
