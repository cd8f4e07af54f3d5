import Foundation
import Synchronization

/// Catches SIGINT, SIGTERM and SIGHUP as requests to stop at the next suitable point, for the lifetime of this value: check ``received``
/// between the parts of a long operation. A second signal ends the process at once.
///
/// A signal that the process ignores remains ignored, such as SIGHUP in a process started by `nohup`.
public final class StopSignals: Sendable {
    private struct Caught: @unchecked Sendable {
        var users = 0
        var replaced: [(signal: Int32, handler: Handler?)] = []
    }

    private static let caught = Mutex(Caught())

    /// Starts to catch the signals, unless another value does already.
    public init() {
        Self.caught.withLock { caught in
            caught.users += 1
            guard caught.users == 1 else { return }
            stopSignal.store(0, ordering: .relaxed)
            caught.replaced = [SIGINT, SIGTERM, SIGHUP].compactMap { number in
                let before = signal(number, noteSignal)
                guard !isIgnoring(before) else {
                    signal(number, SIG_IGN)
                    return nil
                }
                return (number, before)
            }
        }
    }

    deinit {
        Self.caught.withLock { caught in
            caught.users -= 1
            guard caught.users == 0 else { return }
            for (number, handler) in caught.replaced { signal(number, handler) }
            caught.replaced = []
        }
    }

    /// The signal that was received; nil if none was.
    public var received: Int32? {
        let number = stopSignal.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }
}

/// The error of an operation that was stopped by a signal and can be resumed.
public struct StoppedBySignal: Error, Equatable, Sendable, CustomStringConvertible {
    /// SIGINT, SIGTERM or SIGHUP.
    public let signal: Int32
    /// The progress made before the signal.
    public let work: String

    /// An operation that was stopped by `signal` after the progress `work`.
    public init(_ signal: Int32, work: String) { (self.signal, self.work) = (signal, work) }

    /// The exit code that a shell reports for a process ended by the signal: 128 plus its number.
    public var exitCode: Int32 { 128 + signal }

    /// One sentence with the signal and the progress.
    public var description: String { "stopped by \(Self.name(signal)): \(work)" }

    private static func name(_ signal: Int32) -> String {
        switch signal {
        case SIGINT: "SIGINT"
        case SIGTERM: "SIGTERM"
        case SIGHUP: "SIGHUP"
        default: "signal \(signal)"
        }
    }
}

private typealias Handler = @convention(c) (Int32) -> Void

/// The signal that was received, 0 for none. It is initialised with a constant, so that the handler may access it.
private let stopSignal = Atomic<Int32>(0)

/// The message that the handler writes by a system call, since nothing else is safe there.
private let notice: StaticString =
    "\nstopping after what is in progress; a second signal ends the process at once\n"

private func noteSignal(_ number: Int32) {
    let (isFirst, _) = stopSignal.compareExchange(expected: 0, desired: number, ordering: .relaxed)
    if isFirst {
        _ = write(2, notice.utf8Start, notice.utf8CodeUnitCount)
    } else {
        signal(number, SIG_DFL)
        raise(number)
    }
}

private func isIgnoring(_ handler: Handler?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
}
