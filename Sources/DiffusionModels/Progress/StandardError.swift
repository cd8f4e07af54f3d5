import Foundation
import Synchronization

/// Writes lines to standard error without ever ending the program: if the pipe has no reader or the disk is full, they are lost.
public enum StandardError {
    /// The text of the terminal's last line, which is redrawn; without a newline.
    private static let transient = Mutex("")

    /// Whether standard error is a terminal on which a line can be redrawn.
    package static let isTerminal = isatty(2) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Writes a permanent line.
    public static func write(line: String) {
        transient.withLock { shown in
            send(shown.isEmpty ? "\(line)\n" : "\(clear)\(line)\n\(shown)")
        }
    }

    /// Redraws the terminal's last line, truncated to its width; an empty string clears it.
    static func draw(_ line: String) {
        transient.withLock { shown in
            let fitting = String(line.prefix(columns - 1))
            guard fitting != shown else { return }
            send(clear + fitting)
            shown = fitting
        }
    }

    private static let clear = "\r\u{1B}[K"

    private static var columns: Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
    }

    private static func send(_ text: String) {
        withoutPipeSignal {
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                let count = bytes.withUnsafeBytes { Foundation.write(2, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                bytes = bytes.dropFirst(count)
            }
        }
    }

    /// Runs a write with SIGPIPE blocked on this thread, and discards a SIGPIPE that the write raised.
    private static func withoutPipeSignal(_ body: () -> Void) {
        var (pipe, before, pending) = (sigset_t(), sigset_t(), sigset_t())
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        sigpending(&pending)
        let wasPending = sigismember(&pending, SIGPIPE) == 1
        pthread_sigmask(SIG_BLOCK, &pipe, &before)
        body()
        sigpending(&pending)
        if !wasPending, sigismember(&pending, SIGPIPE) == 1 {
            var signal: Int32 = 0
            sigwait(&pipe, &signal)
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
}
