import Synchronization

/// Work of which only so much is done at a time; further work is refused.
final class ConcurrencyLimit: Sendable {
    private let limit: Int
    private let running = Mutex(0)

    init(_ limit: Int) { self.limit = limit }

    /// Throws ``RequestError`` when as much as the limit is being done, and what the work throws.
    func run<Result>(_ work: () async throws -> Result) async throws -> Result {
        let isFree = running.withLock { count in
            if count < limit { count += 1 } else { return false }
            return true
        }
        guard isFree else {
            throw RequestError(
                status: .serviceUnavailable, message: "expected fewer than \(limit) at a time: try again")
        }
        defer { running.withLock { $0 -= 1 } }
        return try await work()
    }
}
