import Tensor

/// Euclidean distances between all vectors of two sets, computed block by block in Double.
struct PairwiseDistances {
    /// The maximum number of rows and columns of a block: for vectors of width 2,048, two blocks of vectors and one of distances
    /// take 40 MB.
    private static let blockSize = 1024

    private let rows: Features
    private let columns: Features
    /// Subtracted from every vector, because |x|² + |y|² − 2 x·y loses digits far from the origin.
    private let origin: [Double]

    init(_ rows: Features, _ columns: Features) {
        (self.rows, self.columns) = (rows, columns)
        origin = columns.doubles(0..<1)
    }

    /// Calls `body` for each part of each row with the row's index, the index of the part's first column, and the squared distances
    /// to the columns from there on.
    func forEachStretch(_ body: (_ row: Int, _ firstColumn: Int, _ squares: ArraySlice<Double>) throws -> Void) throws {
        for rowStart in stride(from: 0, to: rows.count, by: Self.blockSize) {
            let rowRange = rowStart..<min(rowStart + Self.blockSize, rows.count)
            let left = rows.doubles(rowRange, from: origin)
            let leftNorms = squaredNorms(left)
            for columnStart in stride(from: 0, to: columns.count, by: Self.blockSize) {
                let columnRange = columnStart..<min(columnStart + Self.blockSize, columns.count)
                let right = columns.doubles(columnRange, from: origin)
                let rightNorms = squaredNorms(right)
                var squares = try products(left, right, rows.width)
                for row in 0..<rowRange.count {
                    let stretch = row * columnRange.count..<(row + 1) * columnRange.count
                    for column in 0..<columnRange.count {
                        let dot = squares[stretch.lowerBound + column]
                        squares[stretch.lowerBound + column] = max(leftNorms[row] + rightNorms[column] - 2 * dot, 0)
                    }
                    try body(rowStart + row, columnStart, squares[stretch])
                }
            }
        }
    }

    private func squaredNorms(_ vectors: [Double]) -> [Double] {
        stride(from: 0, to: vectors.count, by: rows.width).map { start in
            vectors[start..<start + rows.width].reduce(0) { $0 + $1 * $1 }
        }
    }
}

/// The inner products of all vectors of two sets, `[left, right]`, each vector `width` long.
func products(_ left: [Double], _ right: [Double], _ width: Int) throws -> [Double] {
    let (a, b) = (
        try Matrix(left, rows: left.count / width, columns: width),
        try Matrix(right, rows: right.count / width, columns: width)
    )
    return try a.matmul(b, transposingOther: true).elements
}

/// The diversity of a set: the mean Euclidean distance between two different vectors. It is 0 if all vectors are equal.
///
/// Throws ``EvaluationError`` for fewer than two vectors, or values that are not finite.
public func meanPairwiseDistance(_ features: Features) throws -> Double {
    try Features.check("meanPairwiseDistance", features, features, atLeast: 2)
    var sum = 0.0
    try PairwiseDistances(features, features).forEachStretch { row, first, squares in
        for (offset, square) in squares.enumerated() where first + offset != row { sum += square.squareRoot() }
    }
    return sum / Double(features.count * (features.count - 1))
}

extension Features {
    /// Each vector's squared distance to its k-th nearest neighbour.
    func squaredRadii(_ neighbours: Int) throws -> [Double] {
        // The smallest squared distances of each vector to others, in ascending order.
        var nearest = [[Double]](repeating: [], count: count)
        try PairwiseDistances(self, self).forEachStretch { row, first, squares in
            for (column, square) in zip(first..., squares) where column != row {
                if nearest[row].count == neighbours {
                    guard square < nearest[row][neighbours - 1] else { continue }
                    nearest[row].removeLast()
                }
                let place = nearest[row].firstIndex { $0 > square } ?? nearest[row].count
                nearest[row].insert(square, at: place)
            }
        }
        return nearest.map { $0[neighbours - 1] }
    }

    /// Each vector's squared distance to the nearest vector of another set.
    func squaredDistances(toNearestOf others: Features) throws -> [Double] {
        var nearest = [Double](repeating: .infinity, count: count)
        try PairwiseDistances(self, others).forEachStretch { row, _, squares in
            nearest[row] = min(nearest[row], squares.min() ?? .infinity)
        }
        return nearest
    }
}
