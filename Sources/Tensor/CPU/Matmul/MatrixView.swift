import CTensorKernels

/// A matrix inside a larger array: number (i, j) is at `i · rowStride + j · columnStride`; one of the strides is usually 1.
package struct MatrixView: @unchecked Sendable {
    let matrix: tensor_matrix
    /// The packed panels of the whole matrix, if they are kept.
    package let keptPanels: Panels?

    private init(_ matrix: tensor_matrix, keptPanels: Panels? = nil) {
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
                base: base, scalar: Int32(tensor_scalar_float32), row_stride: rowStride, column_stride: columnStride,
                scales: nil, row_scale: 0, column_scale: 0))
    }

    /// A tensor's numbers in their stored type, from number `offset` on, with arbitrary strides. Those of 8-bit integers must be such that
    /// either rows, or columns, or the whole matrix have one scale. Valid while the tensor lives.
    init(_ tensor: Tensor, offset: Int = 0, rowStride: Int, columnStride: Int) {
        let (scalarType, scales) = (tensor.scalarType, tensor.storage.scales)
        self.init(
            tensor_matrix(
                base: tensor.storage.stored + offset * scalarType.byteCount, scalar: Int32(scalarType.kernelScalar),
                row_stride: rowStride, column_stride: columnStride, scales: scales?.pointer(at: offset),
                row_scale: scales.map { rowStride == $0.width && columnStride == 1 ? 1 : 0 } ?? 0,
                column_scale: scales.map { columnStride == $0.width && rowStride == 1 ? 1 : 0 } ?? 0))
    }

    /// A tensor's numbers in their stored type, from number `offset` on, in row-major rows `stride` apart. Valid while the tensor
    /// lives.
    package init(_ tensor: Tensor, offset: Int = 0, stride: Int, transposed: Bool = false) {
        self.init(tensor, offset: offset, rowStride: transposed ? 1 : stride, columnStride: transposed ? stride : 1)
    }

    /// A weight `[outputs, …]` as the right operand of a product of `rows` rows. With few rows, for which packing does not pay off, and for
    /// tiles, a kept packed copy is used, unless BLAS computes the product. Valid while the tensor lives.
    package init(weight: Tensor, rows: Int, of product: MatrixProduct) {
        let view = MatrixView(weight, stride: weight.count / max(weight.shape[0], 1), transposed: true)
        let isKept = product.usesTiles || (rows <= MatrixProduct.fewRows && product.blas == nil)
        self.init(view.matrix, keptPanels: isKept ? weight.keptPanels(for: product) : nil)
    }

    /// The part that begins at a row and a column.
    func from(row: Int = 0, column: Int = 0) -> MatrixView {
        var part = matrix
        part.base += (row * part.row_stride + column * part.column_stride) * tensor_scalar_bytes(part.scalar)
        if let scales = part.scales { part.scales = scales + row * part.row_scale + column * part.column_scale }
        return MatrixView(part)
    }

    /// The first number of a Float32 matrix; nil if it is stored in fewer bits.
    var storedFloats: UnsafePointer<Float>? {
        matrix.scalar == Int32(tensor_scalar_float32) ? matrix.base.assumingMemoryBound(to: Float.self) : nil
    }

    /// The first number of a left operand, which must be Float32.
    var floats: UnsafePointer<Float> {
        guard let storedFloats else { fatalError("a matrix product's left operand must be Float32") }
        return storedFloats
    }

    /// The cache lines of `rows` × `columns` numbers with contiguous columns.
    func lines(rows: Int, columns: Int) -> tensor_lines {
        let width = tensor_scalar_bytes(matrix.scalar)
        return tensor_lines(
            base: matrix.base, rows: rows > 0 ? columns : 0, count: (rows * width + 63) / 64,
            stride: matrix.column_stride * width, fetched: 0)
    }
}

extension ScalarType {
    /// The kernels' constant for this stored type.
    fileprivate var kernelScalar: Int {
        switch self {
        case .float16: tensor_scalar_float16
        case .bfloat16: tensor_scalar_bfloat16
        case .int8: tensor_scalar_int8
        default: tensor_scalar_float32
        }
    }
}
