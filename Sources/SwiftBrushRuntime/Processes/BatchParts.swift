/// The parts in which a step's batch is computed, each of consecutive samples: their gradients are added in the order of the parts, so that
/// the result depends on the number of parts and not on the number of processes that share them.
package struct BatchParts {
    /// Consecutive samples of the batch.
    package struct Part {
        /// The samples.
        package let rows: Range<Int>
        /// Their share of the batch, by which means over the part count in means over the batch.
        package let share: Double
    }

    /// The parts of this process.
    package let own: [Part]
    /// The number of parts of all processes.
    package let count: Int

    /// The parts of a batch whose sizes differ by at most one, divided among the processes of a group.
    ///
    /// Throws ``ProcessError`` for more processes than parts.
    package init(_ count: Int, of batch: Int, in group: any ProcessGroup) throws(ProcessError) {
        guard group.count <= count else { throw .tooMany(count: group.count, parts: count) }
        self.count = count
        let parts = group.rank * count / group.count..<(group.rank + 1) * count / group.count
        own = parts.map { part in
            let rows = part * batch / count..<(part + 1) * batch / count
            return Part(rows: rows, share: Double(rows.count) / Double(batch))
        }
    }
}
