import Tensor

#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Darwin)
    @preconcurrency import Darwin
#endif

/// Standard input, output and error of a command.
enum StandardStreams {
    /// Lets a pipe without a reader be an error and not the end of the process. A stream that is closed is opened on nothing: the next
    /// file would take its number and get what is printed. Throws `FileError` for a closed standard output.
    static func prepare() throws {
        signal(SIGPIPE, SIG_IGN)
        let closed = (Int32(0)...2).filter { fcntl($0, F_GETFD) == -1 }
        for _ in closed { _ = open("/dev/null", O_RDWR) }
        if closed.contains(1) { throw FileError(path: name, operation: .writing, code: EBADF) }
    }

    /// Throws `FileError` when something that was printed has not been written.
    static func finish() throws {
        errno = 0
        let isFlushed = fflush(stdout) == 0
        if isFlushed, ferror(stdout) == 0 { return }
        throw FileError(path: name, operation: .writing, code: errno == 0 ? EIO : errno)
    }

    private static let name = "standard output"
}
