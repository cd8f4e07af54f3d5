extension Matrix {
    /// The eigenvalues of a symmetric matrix in ascending order, and its eigenvectors, of length 1, as the columns of a matrix, by LAPACK's
    /// dsyevd: A = Q diag(λ) Qᵀ. Only the upper triangle is read.
    ///
    /// Throws ``LinearAlgebraError`` if the matrix is not square or not finite, or LAPACK does not converge.
    public func symmetricEigen() throws -> (values: [Double], vectors: Matrix) {
        let operation = "Matrix.symmetricEigen"
        guard rows == columns else {
            throw LinearAlgebraError.unsuitableShapes(
                operation: operation, expected: "a square matrix", found: "\(rows) × \(columns)")
        }
        try checkSize(operation)
        try checkFinite(operation)
        guard rows > 0 else { return ([], self) }
        let blas = try BLAS.shared()
        let (vectorsToo, upper) = (CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "U")))
        // Column by column, as LAPACK reads and writes matrices.
        var vectors = transposed
        var values = [Double](repeating: 0, count: rows)
        let size = Int32(rows)
        func call(_ work: inout [Double], _ integers: inout [Int32], asksForSizes: Bool = false) throws {
            var status: Int32 = 0
            var (workCount, integerCount) =
                asksForSizes ? (Int32(-1), Int32(-1)) : (Int32(work.count), Int32(integers.count))
            withUnsafePointer(to: vectorsToo) { job in
                withUnsafePointer(to: upper) { triangle in
                    withUnsafePointer(to: size) { size in
                        blas.dsyevd(
                            job, triangle, size, &vectors.elements, size, &values, &work, &workCount, &integers,
                            &integerCount, &status, 1, 1)
                    }
                }
            }
            guard status == 0 else {
                throw LinearAlgebraError.failed(operation: operation, routine: "dsyevd", status: Int(status))
            }
        }
        var (work, integers) = ([0.0], [Int32(0)])
        try call(&work, &integers, asksForSizes: true)
        work = Array(repeating: 0, count: Int(work[0]))
        integers = Array(repeating: 0, count: Int(integers[0]))
        try call(&work, &integers)
        return (values, vectors.transposed)
    }
}
