import Tensor

#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Darwin)
    @preconcurrency import Darwin
#endif

/// The standard input, output and error streams of a command.
enum StandardStreams {
    /// Ignores SIGPIPE, so that a pipe without a reader is an error instead of ending the process. Closed streams are opened on
    /// `/dev/null`; otherwise the next opened file would get their descriptor and the printed output. Throws `FileError` for a closed
    /// standard output.
    static func prepare() throws {
        signal(SIGPIPE, SIG_IGN)
        let closed = (Int32(0)...2).filter { fcntl($0, F_GETFD) == -1 }
        for _ in closed { _ = open("/dev/null", O_RDWR) }
        if closed.contains(1) { throw FileError(path: name, operation: .writing, code: EBADF) }
    }

    /// Flushes standard output. Throws `FileError` if printed output could not be written.
    static func finish() throws {
        errno = 0
        let isFlushed = fflush(stdout) == 0
        if isFlushed, ferror(stdout) == 0 { return }
        throw FileError(path: name, operation: .writing, code: errno == 0 ? EIO : errno)
    }

    private static let name = "standard output"
}
