import Tensor

/// The processes that compute the steps of one run together, each with the gradients of its own samples.
package protocol ProcessGroup: Sendable {
    /// This process's number, from 0.
    var rank: Int { get }
    /// The number of processes.
    var count: Int { get }
    /// The sums of each process's tensors, added in the order of ranks, so that every process gets the same bits.
    func sum(_ tensors: [Tensor]) throws -> [Tensor]
    /// The tensors of the process with rank 0.
    func broadcast(_ tensors: [Tensor]) throws -> [Tensor]
}

/// A group of one process.
package struct SingleProcess: ProcessGroup {
    package let rank = 0
    package let count = 1

    package init() {}

    package func sum(_ tensors: [Tensor]) -> [Tensor] { tensors }
    package func broadcast(_ tensors: [Tensor]) -> [Tensor] { tensors }
}
