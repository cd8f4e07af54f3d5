import CTensorKernels

/// C = A · B at one precision, used for all matrix products. The right operand may be stored in 8 or 16 bits per number.
package struct MatrixProduct: @unchecked Sendable {
    private static let chosenBLAS = ProductLibrary.chosen == .blas ? try? BLAS.shared() : nil
    /// Products in Float32.
    package static let highest = MatrixProduct(kernels.highest, blas: chosenBLAS)
    /// Products of ``MatmulPrecision/high``; with BLAS those in Float32, like what BLAS computes.
    package static let high = chosenBLAS == nil ? MatrixProduct(kernels.high) : highest
    /// Products of ``MatmulPrecision/medium``; with BLAS those in Float32.
    package static let medium = chosenBLAS == nil ? MatrixProduct(kernels.medium) : highest
    /// Products of the precision in use.
    package static var current: MatrixProduct { MatmulPrecision.current.product }

    let table: tensor_product_kernels
    /// What computes the products of whole matrices instead of the kernels, if BLAS was chosen.
    let blas: BLAS?

    /// Products with the kernels of one precision.
    package init(_ table: tensor_product_kernels, blas: BLAS? = nil) {
        require(
            table.alignment <= 64, "MatrixProduct: panels aligned to \(table.alignment) bytes are not supported")
        (self.table, self.blas) = (table, blas)
    }

    /// Rows per task. A task packs its own columns of B, which stay in its cache, and this many rows amortise the packing.
    private static let mostRows = 1_024

    /// Up to this many rows, a product is a few percent faster if its right operand is kept packed.
    package static let fewRows = 256

    /// C[m × n] = A[m × k] · B[k × n] + bias[n] + addend, on all threads; not to be called inside a parallel region.
    ///
    /// The rows of C and of the addend, which may be C itself, are `stride` apart.
    package func multiply(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, bias: Shared<Float>? = nil,
        addend: Shared<Float>? = nil, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard m > 0, n > 0 else { return }
        if let blas, blas.multiply(m: m, n: n, k: k, a, b, bias: bias, addend: addend, into: c, stride: stride) {
            return
        }
        if usesTiles {
            multiplyTiles(m: m, n: n, k: k, a, b, bias: bias, addend: addend, into: c, stride: stride)
            return
        }
        if k > 0, fallsOntoOneCacheSet(a), m > table.strip_height, n > table.panel_width {
            let apart = k + Self.cacheLine
            withScratch(m * apart) { memory in
                let (rows, copies) = (Shared(a.floats), SharedMutable(memory))
                parallelFor(m, grain: max(1, 32_768 / k)) { range in
                    for row in range { (copies + row * apart).update(from: rows + row * a.matrix.row_stride, count: k) }
                }
                multiply(
                    m: m, n: n, k: k, MatrixView(memory, stride: apart), b, bias: bias, addend: addend, into: c,
                    stride: stride)
            }
            return
        }
        let panel = table.panel_width
        let panels = (n + panel - 1) / panel
        let left = Shared(a.floats)
        let (aRow, aColumn) = (a.matrix.row_stride, a.matrix.column_stride)
        let target = SharedMutable(c)

        // With few rows a task takes several panels: a single one would not be worth its overhead.
        let rows = evenShare(of: m)
        let blocks = (m + rows - 1) / rows
        let panelsOfOneTask = max(1, min(panels * blocks / (4 * ThreadPool.threadCount), 65_536 / max(panel * k, 1)))
        let groups = (panels + panelsOfOneTask - 1) / panelsOfOneTask
        let kept = b.keptPanels
        let scratchBytes = kept == nil ? table.byteCount(rows: k, columns: panelsOfOneTask * panel) : 0
        parallelFor(groups * blocks, grain: 1, scratch: scratchCount(scratchBytes)) { tasks, scratch in
            for task in tasks {
                let row = task / groups * rows
                let column = task % groups * panelsOfOneTask * panel
                let width = min(panelsOfOneTask * panel, n - column)
                let corner = row * stride + column
                let right =
                    kept?.from(column: column)
                    ?? pack(b.from(column: column), rows: k, columns: width, into: scratch)
                right.multiply(
                    m: min(rows, m - row), n: width, k: k, left: left + row * aRow, rowStride: aRow,
                    columnStride: aColumn, bias: bias.map { $0 + column }, addend: addend.map { $0 + corner },
                    into: target + corner, stride: stride)
            }
        }
    }

    /// Rows per task: whole strips, at most about ``mostRows``, so that all tasks have about the same work.
    private func evenShare(of m: Int) -> Int {
        let strip = table.strip_height
        let blocks = (m + Self.mostRows - 1) / Self.mostRows
        return ((m + blocks - 1) / blocks + strip - 1) / strip * strip
    }

    /// Float32 numbers per cache line.
    private static let cacheLine = 16

    /// Whether the rows of a strip, which is read column by column, map to the same set of the first-level cache.
    private func fallsOntoOneCacheSet(_ a: MatrixView) -> Bool {
        a.matrix.column_stride == 1 && a.matrix.row_stride % 1_024 == 0
    }

    /// C[m × n] = A · B, or C += A · B, on the calling thread, for use inside parallel regions.
    /// `scratch` holds ``scratchBytes(m:n:k:)`` bytes.
    func multiplyOnThisThread(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutableRawPointer
    ) {
        pack(b, rows: k, columns: n, into: scratch).multiply(
            m: m, n: n, k: k, left: a.floats, rowStride: a.matrix.row_stride, columnStride: a.matrix.column_stride,
            addend: accumulate ? UnsafePointer(c) : nil, into: c, stride: stride,
            scratch: scratch + alignedPanelBytes(n: n, k: k))
    }

    /// The scratch memory, in bytes, for ``multiplyOnThisThread(m:n:k:_:_:accumulate:into:stride:scratch:)``.
    func scratchBytes(m: Int, n: Int, k: Int) -> Int {
        alignedPanelBytes(n: n, k: k) + table.leftScratchBytes(rows: m, columns: k)
    }

    /// The memory, in bytes, for a packed right-hand matrix of k × n.
    func panelBytes(n: Int, k: Int) -> Int { table.byteCount(rows: k, columns: n) }

    /// ``panelBytes(n:k:)``, rounded up to whole cache lines.
    private func alignedPanelBytes(n: Int, k: Int) -> Int { (panelBytes(n: n, k: k) + 63) / 64 * 64 }
}

// What the packing of a right operand outside a product needs.
extension MatrixProduct {
    /// Identifies the form of the panels: kernels that pack with the same function can read each other's panels.
    var panelFormat: Int { unsafeBitCast(table.pack, to: Int.self) }

    /// The columns of a panel.
    var panelWidth: Int { table.panel_width }

    /// The rows of a panel that are stored together: a product may begin at multiples of them.
    var rowMultiple: Int { table.row_multiple }

    /// Rows that one call of the micro-kernel produces.
    var stripHeight: Int { table.strip_height }

    /// Packs `rows` × `columns` numbers into memory of ``panelBytes(n:k:)`` bytes.
    @discardableResult
    func pack(_ matrix: MatrixView, rows: Int, columns: Int, into memory: UnsafeMutableRawPointer) -> Panels {
        withUnsafePointer(to: matrix.matrix) { table.pack($0, rows, columns, memory) }
        return panels(memory, rows: rows)
    }

    /// Panels of `rows` rows that are in memory already.
    func panels(_ memory: UnsafeRawPointer, rows: Int) -> Panels { Panels(memory, rows: rows, of: table) }
}
