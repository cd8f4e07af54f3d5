import Foundation
import Synchronization

/// Lines on standard error that never end a program: where nobody reads them, or the disk that they go to is full, they are lost.
public enum StandardError {
    /// What stands on the terminal's last line and is drawn again, without its end.
    private static let transient = Mutex("")

    /// Whether standard error is a terminal, on which a line can be drawn again.
    package static let isTerminal = isatty(2) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Writes a line that stays.
    public static func write(line: String) {
        transient.withLock { shown in
            send(shown.isEmpty ? "\(line)\n" : "\(clear)\(line)\n\(shown)")
        }
    }

    /// Draws the terminal's last line again, cut to its width; an empty one takes it away.
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

    /// Runs a write with the signal of a pipe that nobody reads held back from this thread, and forgets one that it raised.
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
