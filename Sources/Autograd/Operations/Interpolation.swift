import Tensor

extension Variable {
    /// A map of another size by bilinear interpolation between pixel centres: PyTorch's `interpolate` with `align_corners=False`, without
    /// antialiasing.
    ///
    /// - Parameters:
    ///   - height: the rows of the result.
    ///   - width: its columns.
    /// - Returns: `[batch, height, width, channels]`, from `[batch, height′, width′, channels]`.
    public func resampledBilinear(height: Int, width: Int) -> Variable {
        require(shape.count == 4, "resampledBilinear: expected [batch, height, width, channels], found \(shape)")
        return interpolatedRows(height).transposed([0, 2, 1, 3]).interpolatedRows(width).transposed([0, 2, 1, 3])
    }

    /// `[batch, rows, columns, channels]` → `[batch, count, columns, channels]`, as a product with a matrix of two weights per row.
    private func interpolatedRows(_ count: Int) -> Variable {
        let (batch, rows, inner) = (shape[0], shape[1], shape[2] * shape[3])
        var matrix = [Float](repeating: 0, count: count * rows)
        let ratio = Float(rows) / Float(count)
        for row in 0..<count {
            let centre = max(0, (Float(row) + 0.5) * ratio - 0.5)
            let first = min(Int(centre), rows - 1)
            let share = centre - Float(first)
            matrix[row * rows + first] += 1 - share
            matrix[row * rows + min(first + 1, rows - 1)] += share
        }
        let weights = Tensor(matrix, shape: [1, count, rows]).broadcast(to: [batch, count, rows])
        return Variable(weights).matmul(reshaped(to: [batch, rows, inner]))
            .reshaped(to: [batch, count, shape[2], shape[3]])
    }
}
