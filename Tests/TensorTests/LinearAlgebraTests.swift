import Tensor
import Testing

/// Linear algebra in Double, against the identities that define it.
@Suite("Linear algebra")
struct LinearAlgebraTests {
    private static func matrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
        let numbers = Reference.numbers([rows, columns], seed: seed).scalars.map(Double.init)
        return try Matrix(numbers, rows: rows, columns: columns)
    }

    /// The largest difference between two matrices of one shape; infinite for different shapes.
    private static func distance(_ a: Matrix, _ b: Matrix) -> Double {
        guard a.rows == b.rows, a.columns == b.columns else { return .infinity }
        return zip(a.elements, b.elements).map { abs($0 - $1) }.max() ?? 0
    }

    private static func diagonal(_ values: [Double]) -> Matrix {
        var result = Matrix(zeros: values.count, values.count)
        for (i, value) in values.enumerated() { result[i, i] = value }
        return result
    }

    private static func sum(_ a: Matrix, _ b: Matrix, times factor: Double) throws -> Matrix {
        try Matrix(zip(a.elements, b.elements).map { $0 + factor * $1 }, rows: a.rows, columns: a.columns)
    }

    @Test(
        "Products of matrices and their transposes equal sums in a loop",
        arguments: [(1, 1, 1), (5, 7, 3), (70, 40, 90)])
    func products(m: Int, n: Int, k: Int) throws {
        let (a, b) = (try Self.matrix(m, k, seed: 1), try Self.matrix(k, n, seed: 2))
        var expected = Matrix(zeros: m, n)
        for i in 0..<m {
            for j in 0..<n { expected[i, j] = (0..<k).reduce(0) { $0 + a[i, $1] * b[$1, j] } }
        }
        // A hundred roundings of numbers up to 1.
        let bound = 100 * Double.ulpOfOne
        #expect(try Self.distance(a.matmul(b), expected) <= bound)
        #expect(try Self.distance(a.transposed.matmul(b, transposingSelf: true), expected) <= bound)
        #expect(try Self.distance(a.matmul(b.transposed, transposingOther: true), expected) <= bound)
        #expect(
            try Self.distance(
                a.transposed.matmul(b.transposed, transposingSelf: true, transposingOther: true), expected) <= bound)
    }

    @Test("The upper triangle of xᵀ x is added, and what is below stays")
    func triangle() throws {
        let x = try Self.matrix(9, 5, seed: 3)
        var sums = try Self.matrix(5, 5, seed: 4)
        let before = sums
        let square = try x.matmul(x, transposingSelf: true)
        try sums.addUpperTriangle(ofTransposedTimes: x)
        for i in 0..<5 {
            for j in 0..<5 {
                let expected = i <= j ? before[i, j] + square[i, j] : before[i, j]
                #expect(abs(sums[i, j] - expected) <= 20 * .ulpOfOne)
            }
        }
    }

    @Test(
        "Eigenvalues ascend, and eigenvectors are orthonormal and diagonalise the matrix", arguments: [1, 2, 31, 130])
    func eigen(size: Int) throws {
        let root = try Self.matrix(size, size, seed: 5)
        let matrix = try Self.sum(root, root.transposed, times: 1)
        let (values, vectors) = try matrix.symmetricEigen()
        #expect(values == values.sorted())
        // Backward stable: a small multiple of n ε |A|.
        let bound = 4 * Double(size) * .ulpOfOne * max(1, values.map(abs).max() ?? 1)
        let rebuilt = try vectors.matmul(Self.diagonal(values)).matmul(vectors, transposingOther: true)
        #expect(Self.distance(rebuilt, matrix) <= bound)
        let inner = try vectors.matmul(vectors, transposingSelf: true)
        #expect(Self.distance(inner, Self.diagonal(Array(repeating: 1, count: size))) <= bound)
    }

    @Test("Only the upper triangle of a symmetric matrix is read")
    func upperTriangle() throws {
        let values = try Matrix([2, 1, -7, 2], rows: 2, columns: 2).symmetricEigen().values
        #expect(zip(values, [1, 3]).allSatisfy { abs($0 - $1) <= 8 * .ulpOfOne })
    }

    @Test(
        "A least-squares solution's residual is orthogonal to the columns; with too few rows it is the shortest exact one",
        arguments: [(12, 5), (6, 6), (4, 9)])
    func leastSquares(rows: Int, columns: Int) throws {
        let (a, b) = (try Self.matrix(rows, columns, seed: 6), try Self.matrix(rows, 3, seed: 7))
        let (solution, rank) = try a.leastSquares(b)
        #expect(rank == min(rows, columns))
        let residual = try Self.sum(a.matmul(solution), b, times: -1)
        // The condition numbers of these matrices are below 100.
        let bound = 1e4 * Double.ulpOfOne
        #expect(try a.matmul(residual, transposingSelf: true).elements.allSatisfy { abs($0) <= bound })
        guard rows <= columns else { return }
        #expect(residual.elements.allSatisfy { abs($0) <= bound })
        // The shortest solution is a combination of the rows: X = Aᵀ Y.
        let combination = try a.transposed.leastSquares(solution).solution
        #expect(try Self.distance(a.matmul(combination, transposingSelf: true), solution) <= bound)
    }

    @Test("A matrix of lower rank has the shortest solution")
    func lowerRank() throws {
        // Both columns are equal, so the shortest solution shares the weight.
        let a = try Matrix([1, 1, 2, 2, 3, 3], rows: 3, columns: 2)
        let (solution, rank) = try a.leastSquares(try Matrix([2, 4, 6], rows: 3, columns: 1))
        #expect(rank == 1)
        #expect(solution.elements.allSatisfy { abs($0 - 1) <= 16 * .ulpOfOne })
        let small = try Matrix([1, 0, 0, 1e-3], rows: 2, columns: 2)
        let right = try Matrix([1, 1], rows: 2, columns: 1)
        #expect(try small.leastSquares(right).rank == 2)
        #expect(try small.leastSquares(right, threshold: 1e-2).solution == Matrix([1, 0], rows: 2, columns: 1))
    }

    @Test("Matrices without numbers have empty results")
    func empty() throws {
        #expect(try Matrix(zeros: 2, 0).matmul(Matrix(zeros: 0, 3)) == Matrix(zeros: 2, 3))
        #expect(try Matrix(zeros: 0, 0).symmetricEigen().values.isEmpty)
        #expect(try Matrix(zeros: 0, 2).leastSquares(Matrix(zeros: 0, 1)).solution == Matrix(zeros: 2, 1))
    }

    @Test("Shapes that do not fit, numbers that are not finite and a missing library are errors")
    func errors() throws {
        let (wide, square) = (try Self.matrix(2, 3, seed: 8), try Matrix([1, .nan, .infinity, 1], rows: 2, columns: 2))
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return error is LinearAlgebraError ? "\(error)" : "another error" }
            return ""
        }
        #expect(
            message { _ = try wide.matmul(wide) }
                == "Matrix.matmul: expected as many columns on the left as rows on the right, found 2 × 3 and 2 × 3")
        #expect(
            message { _ = try wide.symmetricEigen() } == "Matrix.symmetricEigen: expected a square matrix, found 2 × 3")
        #expect(
            message { _ = try square.symmetricEigen() }
                == "Matrix.symmetricEigen: expected finite numbers, found 2 others")
        #expect(
            message { _ = try wide.leastSquares(wide.transposed) }
                == "Matrix.leastSquares: expected equally many rows, found 2 × 3 and 3 × 2")
        #expect(
            message { _ = try square.leastSquares(square) }
                == "Matrix.leastSquares: expected finite numbers, found 2 others")
        #expect(
            message {
                var sums = wide
                try sums.addUpperTriangle(ofTransposedTimes: wide)
            }.hasPrefix("Matrix.addUpperTriangle: expected a square matrix"))
        let missing = message { _ = try BLAS(["libnot-there.so"]) }
        #expect(missing.contains("expected one of libnot-there.so, found none") && missing.contains("libopenblas0"))
    }
}
