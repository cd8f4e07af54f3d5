import Foundation
import Tensor

/// The processes that compute each step of one run together, each with its own parts of the batch.
///
/// All functions but ``setComputing(_:)`` are collective: every process of the group calls them in the same order, and a call returns when all
/// have called it.
public protocol ProcessGroup: Sendable {
    /// This process's number, from 0. The process with rank 0 alone writes the run's folder.
    var rank: Int { get }
    /// The number of processes.
    var count: Int { get }
    /// The number of processes on this host, which share its processor cores and memory.
    var countOnHost: Int { get }
    /// Sends each process its elements of a tensor.
    ///
    /// - Parameters:
    ///   - tensor: the elements for all processes, one after the other in the order of ranks, `[elements]`.
    ///   - counts: the number of elements for each process; their sum is the tensor's.
    /// - Returns: what the processes sent to this one, one after the other in the order of ranks, and how much each of them sent.
    func exchange(_ tensor: Tensor, counts: [Int]) throws -> (tensor: Tensor, counts: [Int])
    /// Completes a tensor of which each process has some elements, one after the other in the order of ranks.
    ///
    /// - Parameters:
    ///   - tensor: `[elements]`, in which this process's are at their place; afterwards those of all processes are.
    ///   - counts: the number of each process's elements, the same in all processes; their sum is the tensor's.
    func gather(_ tensor: inout Tensor, counts: [Int]) throws
    /// The bytes of all processes, in the order of ranks; lengths may differ.
    func gather(_ bytes: Data) throws -> [Data]
    /// Says whether other threads of this process compute while one of them sends and waits, which then leaves them its processor core. Not
    /// collective. The default does nothing.
    func setComputing(_ isComputing: Bool)
}

extension ProcessGroup {
    /// Does nothing.
    public func setComputing(_ isComputing: Bool) {}
}

/// A group of one process.
public struct SingleProcess: ProcessGroup {
    /// 0.
    public let rank = 0
    /// 1.
    public let count = 1
    /// 1.
    public let countOnHost = 1

    /// The group of this process alone.
    public init() {}

    /// The tensor itself.
    public func exchange(_ tensor: Tensor, counts: [Int]) -> (tensor: Tensor, counts: [Int]) { (tensor, counts) }
    /// Does nothing.
    public func gather(_ tensor: inout Tensor, counts: [Int]) {}
    /// The bytes themselves.
    public func gather(_ bytes: Data) -> [Data] { [bytes] }
}

extension ProcessGroup {
    /// The bytes of the process with rank 0.
    package func broadcast(_ bytes: Data) throws -> Data { try gather(rank == 0 ? bytes : Data())[0] }

    /// Gathers the elements of a tensor, `counts[rank]` of each process.
    ///
    /// - Parameters:
    ///   - own: this process's, in any number of tensors.
    ///   - counts: the same in all processes.
    package func gather(_ own: [Tensor], counts: [Int]) throws -> Tensor {
        var all = Tensor(shape: [counts.reduce(0, +)]) { _ in }
        var start = counts.prefix(rank).reduce(0, +)
        for tensor in own {
            all.replaceElements(from: start, by: tensor)
            start += tensor.count
        }
        require(start == counts.prefix(rank + 1).reduce(0, +), "gather: expected \(counts[rank]) elements of \(rank)")
        try gather(&all, counts: counts)
        return all
    }

    /// The rows of all processes' tensors, in the order of ranks.
    ///
    /// - Parameter rows: this process's, `[rows, …]`, of the same extents in all processes except the first.
    package func gatherRows(_ rows: Tensor) throws -> Tensor {
        if count == 1 { return rows }
        let sample = Array(rows.shape.dropFirst())
        let all = try gather([rows], counts: try results { rows.count })
        return all.reshaped(to: [all.count / sample.reduce(1, *)] + sample)
    }

    /// The results of `body` in all processes, in the order of ranks.
    ///
    /// `body` calls no collective function. If it throws in one process, all throw: a ``RunError`` in all of them, another error in its own
    /// process, and ``ProcessError`` in the others.
    package func results<Result: Codable>(_ body: () throws -> Result) throws -> [Result] {
        if count == 1 { return [try body()] }
        var failure: (any Error)?
        var outcome = Outcome<Result>()
        do { outcome.results = [try body()] } catch {
            failure = error
            outcome.error = error as? RunError
            outcome.description = "\(error)"
        }
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        let outcomes = try gather(encoder.encode(outcome))
            .map { try PropertyListDecoder().decode(Outcome<Result>.self, from: $0) }
        if let rank = outcomes.firstIndex(where: { $0.description != nil }) {
            throw outcomes[rank].error ?? failure
                ?? ProcessError.failed(rank: rank, count: count, description: outcomes[rank].description ?? "")
        }
        return outcomes.flatMap(\.results)
    }
}

/// What `results` sends from one process to the others.
private struct Outcome<Result: Codable>: Codable {
    /// One, none after an error.
    var results: [Result] = []
    var error: RunError?
    var description: String?
}
