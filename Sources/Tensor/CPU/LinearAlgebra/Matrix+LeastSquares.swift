extension Matrix {
    /// The matrix X that minimises |A X − B|² for this matrix A, and of all such matrices the shortest, by LAPACK's dgelsd; and A's rank.
    ///
    /// Singular values below `threshold`, between 0 and 1, times the largest one count as zero; by default, as in NumPy, ε times the
    /// larger extent of A.
    ///
    /// Throws ``LinearAlgebraError`` if the shapes do not fit, the threshold is out of range, a matrix is not finite, or LAPACK does not converge.
    public func leastSquares(_ right: Matrix, threshold: Double? = nil) throws -> (solution: Matrix, rank: Int) {
        let operation = "Matrix.leastSquares"
        if let threshold, !(threshold > 0 && threshold < 1) {
            throw LinearAlgebraError.invalidArgument(
                operation: operation, argument: "threshold", expected: "a number between 0 and 1", found: "\(threshold)"
            )
        }
        guard rows == right.rows else {
            throw LinearAlgebraError.unsuitableShapes(
                operation: operation, expected: "equally many rows",
                found: "\(rows) × \(columns) and \(right.rows) × \(right.columns)")
        }
        for matrix in [self, right] {
            try matrix.checkSize(operation)
            try matrix.checkFinite(operation)
        }
        guard rows > 0, columns > 0, right.columns > 0 else { return (Matrix(zeros: columns, right.columns), 0) }
        let blas = try BLAS.shared()
        // Column by column, as LAPACK reads and writes matrices. The solution, which may have more rows, replaces the right side.
        let longer = max(rows, columns)
        var matrix = transposed
        var sides = Matrix(zeros: right.columns, longer)
        for column in 0..<right.columns {
            for row in 0..<rows { sides[column, row] = right[row, column] }
        }
        var singularValues = [Double](repeating: 0, count: min(rows, columns))
        var limit = threshold ?? Double(longer) * .ulpOfOne
        var (m, n, rightSides, stride) = (Int32(rows), Int32(columns), Int32(right.columns), Int32(longer))
        var rank: Int32 = 0
        func call(_ work: inout [Double], _ integers: inout [Int32], asksForSizes: Bool = false) throws {
            var status: Int32 = 0
            var workCount = asksForSizes ? Int32(-1) : Int32(work.count)
            withUnsafePointer(to: m) { m in
                blas.dgelsd(
                    m, &n, &rightSides, &matrix.elements, m, &sides.elements, &stride, &singularValues, &limit, &rank,
                    &work, &workCount, &integers, &status)
            }
            guard status == 0 else {
                throw LinearAlgebraError.failed(operation: operation, routine: "dgelsd", status: Int(status))
            }
        }
        var (work, integers) = ([0.0], [Int32(0)])
        try call(&work, &integers, asksForSizes: true)
        work = Array(repeating: 0, count: Int(work[0]))
        integers = Array(repeating: 0, count: max(1, Int(integers[0])))
        try call(&work, &integers)
        var solution = Matrix(zeros: columns, right.columns)
        for row in 0..<columns {
            for column in 0..<right.columns { solution[row, column] = sides[column, row] }
        }
        return (solution, Int(rank))
    }
}
