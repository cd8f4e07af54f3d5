import Foundation
import Synchronization

/// Reports the progress of a long operation on standard error. On a terminal it is one line that is redrawn up to ten times per second and
/// cleared at the end; in a file or pipe it is a new line at each 10 % or every 30 seconds, at most one per second.
///
/// Operations that finish within half a second show nothing.
public final class ProgressLine: Sendable {
    private struct State {
        var last: ContinuousClock.Instant?
        var tenth = 0
        var isShown = false
    }

    private let isTerminal: Bool
    private let now: @Sendable () -> ContinuousClock.Instant
    private let write: @Sendable (String) -> Void
    private let start: ContinuousClock.Instant
    private let state = Mutex(State())

    /// A progress line of an operation that starts now.
    public convenience init() {
        let isTerminal = StandardError.isTerminal
        self.init(isTerminal: isTerminal, now: { .now }) { line in
            isTerminal ? StandardError.draw(line) : StandardError.write(line: line)
        }
    }

    /// A progress line with its own clock and output, for tests.
    init(
        isTerminal: Bool, now: @escaping @Sendable () -> ContinuousClock.Instant,
        write: @escaping @Sendable (String) -> Void
    ) {
        (self.isTerminal, self.now, self.write, start) = (isTerminal, now, write, now())
    }

    deinit { finish() }

    /// Shows the progress if an update is due.
    ///
    /// - Parameters:
    ///   - fraction: the completed fraction, from 0 to 1.
    ///   - text: the line to show.
    public func show(_ fraction: Double, _ text: @autoclosure () -> String) {
        let time = now()
        guard time - start >= .milliseconds(500) else { return }
        let tenth = fraction.isFinite ? Int(10 * min(max(fraction, 0), 1)) : 0
        let isDue = state.withLock { state in
            let since = state.last.map { time - $0 }
            let isDue =
                if isTerminal { since.map { $0 >= .milliseconds(100) } ?? true } else {
                    since.map { $0 >= .seconds(30) || tenth > state.tenth && ($0 >= .seconds(1) || tenth == 10) }
                        ?? true
                }
            if isDue { state = State(last: time, tenth: tenth, isShown: true) }
            return isDue
        }
        if isDue { write(text()) }
    }

    /// Clears the line on a terminal.
    public func finish() {
        let wasShown = state.withLock { state in
            defer { state.isShown = false }
            return state.isShown
        }
        if wasShown, isTerminal { write("") }
    }
}
