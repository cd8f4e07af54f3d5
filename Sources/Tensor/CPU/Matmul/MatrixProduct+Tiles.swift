import CTensorKernels

extension MatrixProduct {
    /// Whether the kernels read a packed left operand, as those on tiles do.
    var usesTiles: Bool { table.pack_left != nil }

    /// Rows per task: with as many columns, both operands' tiles stay in the second-level cache.
    private static let rowsAtOnce = 256
    /// The columns per task.
    private static let columnsAtOnce = 256
    /// Numbers that a task packs.
    private static let numbersAtOnce = 65_536

    /// C[m × n] = A[m × k] · B[k × n] + bias[n] + addend, on all threads: both operands are packed once, then multiplied.
    func multiplyTiles(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, bias: Shared<Float>?, addend: Shared<Float>?,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let target = SharedMutable(c)
        let rows = Self.rowsAtOnce
        // With few rows, narrower tasks, so that every thread has work.
        let tasksPerColumns = (m + rows - 1) / rows
        let wanted = (4 * ThreadPool.threadCount + tasksPerColumns - 1) / tasksPerColumns
        let columns = max(
            panelWidth, min(Self.columnsAtOnce, (n / wanted + panelWidth - 1) / panelWidth * panelWidth))
        let groups = (n + columns - 1) / columns
        withScratch(byteCount: table.leftByteCount(rows: m, columns: k)) { memory in
            let left = SharedMutable(memory.assumingMemoryBound(to: UInt8.self))
            pack(a, rows: m, columns: k, left: left)
            withPanels(of: b, rows: k, columns: n) { panels in
                parallelFor(groups * tasksPerColumns, grain: 1) { tasks in
                    for task in tasks {
                        let (row, column) = (task / groups * rows, task % groups * columns)
                        let corner = row * stride + column
                        panels.from(column: column).multiply(
                            m: min(rows, m - row), n: min(columns, n - column), k: k,
                            packedLeft: left.pointer + table.leftByteCount(rows: row, columns: k),
                            bias: bias.map { $0 + column }, addend: addend.map { $0 + corner }, into: target + corner,
                            stride: stride)
                    }
                }
            }
        }
    }

    /// Packs a left operand on all threads.
    private func pack(_ a: MatrixView, rows: Int, columns: Int, left: SharedMutable<UInt8>) {
        let height = stripHeight
        parallelFor((rows + height - 1) / height, grain: max(1, Self.numbersAtOnce / max(height * columns, 1))) {
            blocks in
            let first = blocks.lowerBound * height
            withUnsafePointer(to: a.from(row: first).matrix) {
                table.pack_left(
                    $0, min(rows, blocks.upperBound * height) - first, columns,
                    left.pointer + table.leftByteCount(rows: first, columns: columns))
            }
        }
    }

    /// Calls `body` with the panels of a right operand: the kept ones, or packed now on all threads.
    private func withPanels(of b: MatrixView, rows: Int, columns: Int, _ body: (Panels) -> Void) {
        if let kept = b.keptPanels { return body(kept) }
        withScratch(byteCount: panelBytes(n: columns, k: rows)) { memory in
            let target = SharedMutable(memory.assumingMemoryBound(to: UInt8.self))
            let width = panelWidth
            parallelFor((columns + width - 1) / width, grain: max(1, Self.numbersAtOnce / max(width * rows, 1))) {
                let first = $0.lowerBound * width
                pack(
                    b.from(column: first), rows: rows, columns: min(columns, $0.upperBound * width) - first,
                    into: UnsafeMutableRawPointer(target.pointer) + panelBytes(n: first, k: rows))
            }
            body(panels(memory, rows: rows))
        }
    }
}
