import CTensorKernels

/// A matrix inside a larger array: number (i, j) is at `i · rowStride + j · columnStride`; one of the strides is usually 1.
package struct MatrixView: @unchecked Sendable {
    let matrix: tensor_matrix
    /// The packed panels of the whole matrix, if they are kept.
    package let keptPanels: UnsafePointer<Float>?

    private init(_ matrix: tensor_matrix, keptPanels: UnsafePointer<Float>? = nil) {
        (self.matrix, self.keptPanels) = (matrix, keptPanels)
    }

    /// Float32 numbers in row-major rows `stride` apart; `transposed` reads them as columns.
    init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
        self.init(base, rowStride: transposed ? 1 : stride, columnStride: transposed ? stride : 1)
    }

    /// Float32 numbers with arbitrary strides.
    init(_ base: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
        self.init(
            tensor_matrix(
                base: base, scalar: Int32(tensor_scalar_float32), row_stride: rowStride, column_stride: columnStride))
    }

    /// A tensor's numbers in their stored type, from number `offset` on, with arbitrary strides. Valid while the tensor lives.
    init(_ tensor: Tensor, offset: Int = 0, rowStride: Int, columnStride: Int) {
        let scalarType = tensor.scalarType
        self.init(
            tensor_matrix(
                base: tensor.storage.stored + offset * scalarType.byteCount, scalar: Int32(scalarType.kernelScalar),
                row_stride: rowStride, column_stride: columnStride))
    }

    /// A tensor's numbers in their stored type, in row-major rows `stride` apart. Valid while the tensor lives.
    init(_ tensor: Tensor, stride: Int, transposed: Bool = false) {
        self.init(tensor, rowStride: transposed ? 1 : stride, columnStride: transposed ? stride : 1)
    }

    /// A weight `[outputs, …]` as the right operand of a product of `rows` rows. With few rows, for which packing does not pay off,
    /// a kept packed copy is used. Valid while the tensor lives.
    package init(weight: Tensor, rows: Int) {
        let view = MatrixView(weight, stride: weight.count / max(weight.shape[0], 1), transposed: true)
        self.init(view.matrix, keptPanels: rows <= MatrixProduct.fewRows ? weight.keptPanels : nil)
    }

    /// The part that begins at a row and a column.
    func from(row: Int = 0, column: Int = 0) -> MatrixView {
        var part = matrix
        let width = part.scalar == Int32(tensor_scalar_float32) ? 4 : 2
        part.base += (row * part.row_stride + column * part.column_stride) * width
        return MatrixView(part)
    }

    /// The first number of a Float32 matrix.
    var floats: UnsafePointer<Float> {
        precondition(
            matrix.scalar == Int32(tensor_scalar_float32), "a matrix product's left operand must be Float32")
        return matrix.base.assumingMemoryBound(to: Float.self)
    }

    /// Panels of `rows` × `columns` numbers from a panel's first column on: kept ones, or packed into `scratch`.
    func panels(
        from column: Int, rows: Int, columns: Int, scratch: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        if let keptPanels { return keptPanels + column * rows }
        from(column: column).pack(rows: rows, columns: columns, into: scratch)
        return UnsafePointer(scratch)
    }

    /// The cache lines of `rows` × `columns` numbers with contiguous columns.
    func lines(rows: Int, columns: Int) -> tensor_lines {
        let width = matrix.scalar == Int32(tensor_scalar_float32) ? 4 : 2
        return tensor_lines(
            base: matrix.base, rows: rows > 0 ? columns : 0, count: (rows * width + 63) / 64,
            stride: matrix.column_stride * width, fetched: 0)
    }

    /// Packs `rows` × `columns` numbers into panels, the form of a product's right operand.
    func pack(rows: Int, columns: Int, into packed: UnsafeMutablePointer<Float>) {
        withUnsafePointer(to: matrix) { kernels.pack($0, rows, columns, packed) }
    }
}

extension ScalarType {
    /// The kernels' constant for this stored type.
    fileprivate var kernelScalar: Int {
        switch self {
        case .float16: tensor_scalar_float16
        case .bfloat16: tensor_scalar_bfloat16
        default: tensor_scalar_float32
        }
    }
}

/// C = A · B, used for all matrix products. The right operand may be stored in 16 bits per number.
enum MatrixProduct {
    /// Rows per task. A task packs its own columns of B, which stay in its cache, and this many rows amortise the packing.
    private static let mostRows = 1_024

    /// Up to this many rows, a product is a few percent faster if its right operand is kept packed.
    static let fewRows = 256

    /// C[m × n] = A[m × k] · B[k × n] + bias[n] + addend, on all threads; not to be called inside a parallel region.
    ///
    /// The rows of C and of the addend, which may be C itself, are `stride` apart.
    static func multiply(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, bias: UnsafePointer<Float>? = nil,
        addend: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard m > 0, n > 0 else { return }
        if k > 0, fallsOntoOneCacheSet(a), m > kernels.strip_height, n > kernels.panel_width {
            let apart = k + cacheLine
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
        let panel = kernels.panel_width
        let panels = (n + panel - 1) / panel
        let left = Shared(a.floats)
        let (aRow, aColumn) = (a.matrix.row_stride, a.matrix.column_stride)
        let (shift, added) = (bias.map { Shared($0) }, addend.map { Shared($0) })
        let target = SharedMutable(c)

        // With few rows a task takes several panels: a single one would not be worth its overhead.
        let rows = evenShare(of: m)
        let blocks = (m + rows - 1) / rows
        let panelsOfOneTask = max(1, min(panels * blocks / (4 * ThreadPool.threadCount), 65_536 / max(panel * k, 1)))
        let groups = (panels + panelsOfOneTask - 1) / panelsOfOneTask
        parallelFor(groups * blocks, grain: 1) { tasks in
            withScratch(panelsOfOneTask * panel * k) { packed in
                for task in tasks {
                    let row = task / groups * rows
                    let column = task % groups * panelsOfOneTask * panel
                    let width = min(panelsOfOneTask * panel, n - column)
                    let corner = row * stride + column
                    let right = b.panels(from: column, rows: k, columns: width, scratch: packed)
                    kernels.multiply(
                        min(rows, m - row), width, k, left + row * aRow, aRow, aColumn, right, k,
                        shift.map { $0 + column }, added.map { $0 + corner }, target + corner, stride)
                }
            }
        }
    }

    /// Rows per task: whole strips, at most about ``mostRows``, so that all tasks have about the same work.
    private static func evenShare(of m: Int) -> Int {
        let strip = kernels.strip_height
        let blocks = (m + mostRows - 1) / mostRows
        return ((m + blocks - 1) / blocks + strip - 1) / strip * strip
    }

    /// Float32 numbers per cache line.
    private static let cacheLine = 16

    /// Whether the rows of a strip, which is read column by column, map to the same set of the first-level cache.
    private static func fallsOntoOneCacheSet(_ a: MatrixView) -> Bool {
        a.matrix.column_stride == 1 && a.matrix.row_stride % 1_024 == 0
    }

    /// C[m × n] = A · B, or C += A · B, on the calling thread, for use inside parallel regions.
    /// `scratch` holds ``scratchCount(n:k:)`` numbers.
    static func multiplyOnThisThread(
        m: Int, n: Int, k: Int, _ a: MatrixView, _ b: MatrixView, accumulate: Bool,
        into c: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        b.pack(rows: k, columns: n, into: scratch)
        kernels.multiply(
            m, n, k, a.floats, a.matrix.row_stride, a.matrix.column_stride, scratch, k, nil, accumulate ? c : nil, c,
            stride)
    }

    /// The scratch memory, in numbers, for a right-hand matrix of k × n.
    static func scratchCount(n: Int, k: Int) -> Int {
        let panel = kernels.panel_width
        return (n + panel - 1) / panel * panel * k
    }
}
