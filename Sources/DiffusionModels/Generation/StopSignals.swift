import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a request to stop at the next good moment, as long as this value lives: ask ``received`` between the
/// parts of a longer work. A second signal ends the process at once.
///
/// A signal that the process ignores, as one started by `nohup` ignores SIGHUP, stays ignored.
public final class StopSignals {
    private struct Caught: @unchecked Sendable {
        var users = 0
        var replaced: [(signal: Int32, handler: Handler?)] = []
    }

    private static let caught = Mutex(Caught())

    /// Begins to catch the signals, unless another value does already.
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

    /// The signal that came, nil while none did.
    public var received: Int32? {
        let number = stopSignal.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }
}

/// A work that a signal stopped, and that may be taken up again.
public struct StoppedBySignal: Error, Equatable, Sendable, CustomStringConvertible {
    /// SIGINT, SIGTERM or SIGHUP.
    public let signal: Int32
    /// How far it came.
    public let work: String

    /// A work that was stopped.
    public init(_ signal: Int32, work: String) { (self.signal, self.work) = (signal, work) }

    /// What a shell reports of a process that ends by the signal: 128 and its number.
    public var exitCode: Int32 { 128 + signal }

    /// One sentence with the signal and how far the work came.
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

/// The signal that came, 0 for none. Its initialisation is constant, so that the handler may read it.
private let stopSignal = Atomic<Int32>(0)

/// What is written when a signal comes; no more than a system call is allowed then.
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
