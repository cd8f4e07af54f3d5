/// A matrix of Double in row-major order, for linear algebra: what metrics and statistics need beyond a ``Tensor``'s Float32.
///
/// The operations are those of BLAS and LAPACK, which are loaded when one is first called; each throws ``LinearAlgebraError`` if they are
/// missing.
public struct Matrix: Sendable, Equatable {
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int
    /// The numbers, row by row.
    public internal(set) var elements: [Double]

    /// A matrix of the given numbers in row-major order. Throws ``LinearAlgebraError`` unless there are `rows · columns`.
    public init(_ elements: [Double], rows: Int, columns: Int) throws(LinearAlgebraError) {
        let (count, isTooLarge) = rows.multipliedReportingOverflow(by: columns)
        guard rows >= 0, columns >= 0, !isTooLarge, elements.count == count else {
            throw .unsuitableShapes(
                operation: "Matrix", expected: "\(rows) × \(columns) numbers", found: "\(elements.count)")
        }
        (self.elements, self.rows, self.columns) = (elements, rows, columns)
    }

    /// A matrix of zeros.
    public init(zeros rows: Int, _ columns: Int) {
        require(rows >= 0 && columns >= 0, "Matrix: expected extents of at least 0, found \(rows) × \(columns)")
        (elements, self.rows, self.columns) = (Array(repeating: 0, count: rows * columns), rows, columns)
    }

    /// The number in a row and a column.
    public subscript(row: Int, column: Int) -> Double {
        get {
            require(
                (0..<rows).contains(row) && (0..<columns).contains(column),
                "Matrix subscript: [\(row), \(column)] is outside \(rows) × \(columns)")
            return elements[row * columns + column]
        }
        set {
            require(
                (0..<rows).contains(row) && (0..<columns).contains(column),
                "Matrix subscript: [\(row), \(column)] is outside \(rows) × \(columns)")
            elements[row * columns + column] = newValue
        }
    }

    /// The rows as columns.
    public var transposed: Matrix {
        var result = Matrix(zeros: columns, rows)
        elements.withUnsafeBufferPointer { source in
            result.elements.withUnsafeMutableBufferPointer { target in
                for row in 0..<rows {
                    for column in 0..<columns { target[column * rows + row] = source[row * columns + column] }
                }
            }
        }
        return result
    }
}

extension Matrix {
    /// The matrix product, by BLAS' dgemm. A transposed operand is read as its transpose, without a copy.
    ///
    /// Throws ``LinearAlgebraError`` if the shapes do not fit.
    public func matmul(
        _ other: Matrix, transposingSelf: Bool = false, transposingOther: Bool = false
    ) throws -> Matrix {
        let (m, k) = transposingSelf ? (columns, rows) : (rows, columns)
        let (inner, n) = transposingOther ? (other.columns, other.rows) : (other.rows, other.columns)
        guard k == inner else {
            throw LinearAlgebraError.unsuitableShapes(
                operation: "Matrix.matmul", expected: "as many columns on the left as rows on the right",
                found: "\(m) × \(k) and \(inner) × \(n)")
        }
        try checkSize("Matrix.matmul")
        try other.checkSize("Matrix.matmul")
        var result = Matrix(zeros: m, n)
        guard m > 0, n > 0, k > 0 else { return result }
        try BLAS.shared().dgemm(
            BLAS.rowMajor, BLAS.transposed(transposingSelf), BLAS.transposed(transposingOther), Int32(m), Int32(n),
            Int32(k), 1, elements, Int32(columns), other.elements, Int32(other.columns), 0, &result.elements, Int32(n))
        return result
    }

    /// Adds xᵀ · x to the upper triangle of this square matrix, by BLAS' dsyrk; what is below the diagonal stays.
    ///
    /// Throws ``LinearAlgebraError`` if the shapes do not fit.
    public mutating func addUpperTriangle(ofTransposedTimes x: Matrix) throws {
        guard rows == columns, x.columns == columns else {
            throw LinearAlgebraError.unsuitableShapes(
                operation: "Matrix.addUpperTriangle", expected: "a square matrix and one with as many columns",
                found: "\(rows) × \(columns) and \(x.rows) × \(x.columns)")
        }
        try x.checkSize("Matrix.addUpperTriangle")
        guard x.rows > 0, columns > 0 else { return }
        try BLAS.shared().dsyrk(
            BLAS.rowMajor, BLAS.upper, BLAS.transposed(true), Int32(columns), Int32(x.rows), 1, x.elements,
            Int32(columns), 1, &elements, Int32(columns))
    }

    /// BLAS counts rows and columns in 32 bits.
    func checkSize(_ operation: String) throws {
        guard max(rows, columns) <= Int(Int32.max) else {
            throw LinearAlgebraError.unsuitableShapes(
                operation: operation, expected: "at most \(Int32.max) rows and columns", found: "\(rows) × \(columns)")
        }
    }

    func checkFinite(_ operation: String) throws {
        let count = elements.count { !$0.isFinite }
        guard count == 0 else { throw LinearAlgebraError.nonFinite(operation: operation, count: count) }
    }
}
