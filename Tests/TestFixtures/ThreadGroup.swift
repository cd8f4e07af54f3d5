import Foundation
import SwiftBrushRuntime
import Tensor

/// A group whose processes are threads of one process.
package struct ThreadGroup: ProcessGroup {
    package let rank: Int
    package var count: Int { meeting.count }
    package var countOnHost: Int { count }
    private let meeting: Meeting

    /// Where the threads leave what they send, one after the other at each call.
    private final class Meeting: @unchecked Sendable {
        let count: Int
        private let condition = NSCondition()
        private var sent: [Int: Any] = [:]
        private var received: [Any] = []
        private var calls = 0

        init(count: Int) { self.count = count }

        func all<Value>(_ value: Value, from rank: Int) -> [Value] {
            condition.lock()
            defer { condition.unlock() }
            let call = calls
            sent[rank] = value
            if sent.count == count {
                received = (0..<count).compactMap { sent[$0] }
                (sent, calls) = ([:], calls + 1)
                condition.broadcast()
            }
            while calls == call { condition.wait() }
            return received.compactMap { $0 as? Value }
        }
    }

    package func exchange(_ tensor: Tensor, counts: [Int]) -> (tensor: Tensor, counts: [Int]) {
        let sent = meeting.all((tensor: tensor, counts: counts), from: rank)
        let parts = sent.map { tensor, counts in
            let start = counts.prefix(rank).reduce(0, +)
            return tensor.sliced(axis: 0, start..<start + counts[rank])
        }
        return (.concatenate(parts, axis: 0), parts.map(\.count))
    }
    package func gather(_ tensor: inout Tensor, counts: [Int]) {
        let all = meeting.all((tensor: tensor, counts: counts), from: rank)
        precondition(all.allSatisfy { $0.counts == counts } && counts.reduce(0, +) == tensor.count)
        tensor = .concatenate(all.enumerated().map { $1.tensor.parts(counts)[$0] }, axis: 0)
    }
    package func gather(_ bytes: Data) -> [Data] { meeting.all(bytes, from: rank) }

    /// The results of `body` in each of `count` threads.
    package static func run<Result>(_ count: Int, _ body: @escaping (ThreadGroup) throws -> Result) throws -> [Result] {
        try results(count, body).map { try $0.get() }
    }

    /// The errors of `body` in each of `count` threads.
    package static func errors(_ count: Int, _ body: @escaping (ThreadGroup) throws -> Void) -> [(any Error)?] {
        results(count, body).map { result in
            if case .failure(let error) = result { error } else { nil }
        }
    }

    private static func results<Result>(
        _ count: Int, _ body: @escaping (ThreadGroup) throws -> Result
    ) -> [Swift.Result<Result, any Error>] {
        let (meeting, results, finished) = (Meeting(count: count), ThreadResults<Result>(), DispatchGroup())
        nonisolated(unsafe) let body = body
        for rank in 0..<count {
            finished.enter()
            let thread = Thread {
                let result = Swift.Result { try body(ThreadGroup(rank: rank, meeting: meeting)) }
                results.lock.withLock { results.all[rank] = result }
                finished.leave()
            }
            // As large as the main thread's.
            thread.stackSize = 8 << 20
            thread.start()
        }
        finished.wait()
        return (0..<count).compactMap { results.all[$0] }
    }
}

private final class ThreadResults<Result>: @unchecked Sendable {
    let lock = NSLock()
    var all: [Int: Swift.Result<Result, any Error>] = [:]
}
