import Foundation
import Synchronization

/// How far a longer work has come, on standard error: on a terminal one line that is drawn again up to ten times a second and taken
/// away at the end; in a file or pipe a line at each tenth of the work or every half minute, no more than one a second.
///
/// Work that is done within half a second shows nothing.
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

    /// A line of a work that begins now.
    public convenience init() {
        let isTerminal = StandardError.isTerminal
        self.init(isTerminal: isTerminal, now: { .now }) { line in
            isTerminal ? StandardError.draw(line) : StandardError.write(line: line)
        }
    }

    /// A line with a clock and a place of its own.
    init(
        isTerminal: Bool, now: @escaping @Sendable () -> ContinuousClock.Instant,
        write: @escaping @Sendable (String) -> Void
    ) {
        (self.isTerminal, self.now, self.write, start) = (isTerminal, now, write, now())
    }

    deinit { finish() }

    /// Shows how far the work has come, if it is time to.
    ///
    /// - Parameters:
    ///   - fraction: the share that is done, from 0 to 1.
    ///   - text: what to show.
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

    /// Takes the line away from a terminal.
    public func finish() {
        let wasShown = state.withLock { state in
            defer { state.isShown = false }
            return state.isShown
        }
        if wasShown, isTerminal { write("") }
    }
}
