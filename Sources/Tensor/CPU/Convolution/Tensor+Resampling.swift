extension Tensor {
    /// Nearest-neighbour upsampling: `[batch, height, width, channels]` → `[batch, factor · height, factor · width,
    /// channels]`.
    public func upsampledNearest(by factor: Int = 2) -> Tensor {
        require(
            rank == 4 && factor >= 1, "upsampledNearest: expected a map and a factor, found \(shape), \(factor)")
        let (height, width, channels) = (shape[1], shape[2], shape[3])
        let result = Tensor(uninitialized: [shape[0], height * factor, width * factor, channels])
        let (x, y) = (Shared(self), SharedMutable(result.storage.base))
        let rowCount = width * factor * channels
        parallelFor(shape[0] * height, grain: max(1, 16_384 / max(rowCount * factor, 1))) { range in
            for row in range {
                let source = x + row * width * channels
                let target = y + row * factor * rowCount
                for column in 0..<width {
                    for i in 0..<factor {
                        (target + (column * factor + i) * channels)
                            .update(from: source + column * channels, count: channels)
                    }
                }
                for i in 1..<max(factor, 1) { (target + i * rowCount).update(from: target, count: rowCount) }
            }
        }
        return result
    }

    /// The mean of each `factor` × `factor` square: `[batch, height, width, channels]` → `[batch, height / factor,
    /// width / factor, channels]`; both extents must be multiples of `factor`.
    public func averagePooled(by factor: Int) -> Tensor {
        summedSquares(of: factor) * (1 / Float(factor * factor))
    }

    /// The sum of each `factor` × `factor` square, which is the gradient of nearest upsampling.
    package func summedSquares(of factor: Int) -> Tensor {
        require(
            rank == 4 && factor >= 1 && shape[1] % factor == 0 && shape[2] % factor == 0,
            "averagePooled: extents of \(shape) are not multiples of \(factor)")
        let (height, width, channels) = (shape[1] / factor, shape[2] / factor, shape[3])
        let grouped = reshaped(to: [shape[0] * height, factor, width, factor * channels])
        let rows = grouped.sum(alongAxes: [1]).reshaped(to: [shape[0] * height * width, factor, channels])
        return rows.sum(alongAxes: [1]).reshaped(to: [shape[0], height, width, channels])
    }
}
