import CTensorKernels

/// The right operand of matrix products, packed into panels in the form that the kernels of one precision describe and read: see
/// `tensor_product_kernels`.
package struct Panels: @unchecked Sendable {
    private let kernels: tensor_product_kernels
    /// The first row that is used, inside the first panel.
    let base: UnsafeRawPointer
    /// The rows of a whole panel.
    private let rows: Int

    /// Packed panels of `rows` rows.
    init(_ base: UnsafeRawPointer, rows: Int, of kernels: tensor_product_kernels) {
        (self.base, self.rows, self.kernels) = (base, rows, kernels)
    }

    /// The panels from a row and a column on; the column is the first of a panel.
    func from(row: Int = 0, column: Int = 0) -> Panels {
        assert(row % kernels.row_multiple == 0 && column % kernels.panel_width == 0)
        let offset = column / kernels.panel_width * kernels.panelBytes(rows: rows) + row * kernels.row_bytes
        return Panels(base + offset, rows: rows, of: kernels)
    }

    /// result[m × n] = left[m × k] · these panels[k × n] + bias[n] + addend, on the calling thread. The rows of the result and of the
    /// addend, which may be the result itself, are `stride` apart. `scratch` holds ``scratchBytes(m:k:)`` bytes, aligned to
    /// cache lines; nil if that is 0.
    func multiply(
        m: Int, n: Int, k: Int, left: UnsafePointer<Float>, rowStride: Int, columnStride: Int = 1,
        bias: UnsafePointer<Float>? = nil, addend: UnsafePointer<Float>? = nil,
        into result: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutableRawPointer? = nil
    ) {
        if let pack = kernels.pack_left {
            guard let scratch else { fatalError("Panels.multiply: expected memory for a packed left operand") }
            var matrix = MatrixView(left, rowStride: rowStride, columnStride: columnStride).matrix
            pack(&matrix, m, k, scratch)
            multiply(m: m, n: n, k: k, packedLeft: scratch, bias: bias, addend: addend, into: result, stride: stride)
            return
        }
        var product = tensor_product(
            rows: m, columns: n, depth: k, left: left, left_row_stride: rowStride, left_column_stride: columnStride,
            panels: base, panel_rows: rows, bias: bias, addend: addend, result: result, result_stride: stride)
        kernels.multiply(&product)
    }

    /// The memory, in bytes, that a left operand of m × k is packed into; 0 if it is read as it is.
    func scratchBytes(m: Int, k: Int) -> Int { kernels.leftScratchBytes(rows: m, columns: k) }

    /// The same with a left operand of `k` columns that is packed already.
    func multiply(
        m: Int, n: Int, k: Int, packedLeft: UnsafeRawPointer, bias: UnsafePointer<Float>? = nil,
        addend: UnsafePointer<Float>? = nil, into result: UnsafeMutablePointer<Float>, stride: Int
    ) {
        var product = tensor_product(
            rows: m, columns: n, depth: k, left: packedLeft, left_row_stride: k, left_column_stride: 1,
            panels: base, panel_rows: rows, bias: bias, addend: addend, result: result, result_stride: stride)
        kernels.multiply(&product)
    }
}

extension tensor_product_kernels {
    /// The bytes of one panel.
    func panelBytes(rows: Int) -> Int { (rows + row_multiple - 1) / row_multiple * row_multiple * row_bytes }

    /// The bytes of a packed left operand.
    func leftByteCount(rows: Int, columns: Int) -> Int {
        (rows + strip_height - 1) / strip_height * strip_height
            * ((columns + row_multiple - 1) / row_multiple * row_multiple) * left_number_bytes
    }

    /// The bytes of a packed left operand, 0 if the kernels read it as it is.
    func leftScratchBytes(rows: Int, columns: Int) -> Int {
        pack_left == nil ? 0 : leftByteCount(rows: rows, columns: columns)
    }

    /// The bytes of the panels of a matrix.
    func byteCount(rows: Int, columns: Int) -> Int {
        (columns + panel_width - 1) / panel_width * panelBytes(rows: rows)
    }
}
