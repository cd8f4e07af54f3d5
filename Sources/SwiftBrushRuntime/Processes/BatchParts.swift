import Tensor

/// The parts in which a step's batch is computed, each of consecutive samples: their gradients are added in the order of the parts, so that
/// the result depends on the number of parts and not on the number of processes that share them.
///
/// The processes take the parts in turn. A round is one part of each process, or in the last round of some.
package struct BatchParts {
    /// Consecutive samples of the batch.
    package struct Part {
        /// The part's index among those of its process.
        package let index: Int
        /// The samples.
        package let rows: Range<Int>
        /// Their share of the batch, by which means over the part count in means over the batch.
        package let share: Double
    }

    /// The parts of this process.
    package let own: [Part]
    /// The number of parts of all processes.
    package let count: Int
    let group: any ProcessGroup

    /// The parts of a batch whose sizes differ by at most one, divided among the processes of a group.
    ///
    /// Throws ``ProcessError`` for more processes than parts.
    package init(_ count: Int, of batch: Int, in group: any ProcessGroup) throws(ProcessError) {
        guard group.count <= count else { throw .tooMany(count: group.count, parts: count) }
        (self.count, self.group) = (count, group)
        own = stride(from: group.rank, to: count, by: group.count).enumerated().map { index, part in
            let rows = part * batch / count..<(part + 1) * batch / count
            return Part(index: index, rows: rows, share: Double(rows.count) / Double(batch))
        }
    }

    /// The number of rounds.
    var rounds: Int { (count + group.count - 1) / group.count }

    /// This process's part in a round, nil if it has none.
    func part(in round: Int) -> Part? { round < own.count ? own[round] : nil }

    /// The rows of all parts, in their order.
    ///
    /// - Parameter rows: those of each part of this process, of the same extents except the first.
    package func joined(_ rows: [Tensor]) throws -> Tensor {
        if group.count == 1 { return .concatenate(rows, axis: 0) }
        return .concatenate(
            try (0..<rounds).map { round in
                try group.gatherRows(
                    round < rows.count ? rows[round] : .zeros([0] + Array(rows[0].shape.dropFirst())))
            }, axis: 0)
    }

    /// What is computed of all parts, in their order.
    ///
    /// - Parameter body: computes it of a part of this process. It calls no collective function.
    ///
    /// Throws as `ProcessGroup.results(_:)`.
    package func results<Result: Codable>(_ body: (Part) throws -> Result) throws -> [Result] {
        try (0..<rounds).flatMap { round in
            try group.results { try part(in: round).map { [try body($0)] } ?? [] }.flatMap { $0 }
        }
    }
}
