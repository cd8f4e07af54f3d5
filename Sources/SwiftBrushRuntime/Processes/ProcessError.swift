/// An error of the processes of a group.
public enum ProcessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process could not do its part of the work.
    case failed(rank: Int, count: Int, description: String)
    /// A process was started with other settings or data than the first.
    case differs(rank: Int, count: Int, expected: String, found: String)
    /// There are more processes than parts of the batch.
    case tooMany(count: Int, parts: Int)
    /// The processes could not be connected, or a message between them failed.
    case communication(String)

    /// One sentence.
    public var description: String {
        switch self {
        case .failed(let rank, let count, let description): "process \(rank) of \(count): \(description)"
        case .differs(let rank, let count, let expected, let found):
            "process \(rank) of \(count): expected what process 0 was started with, \(expected), found \(found)"
        case .tooMany(let count, let parts):
            "expected at most one process for each of the \(parts) parts in which a step computes its gradients, found \(count)"
        case .communication(let problem): "processes: \(problem)"
        }
    }
}
