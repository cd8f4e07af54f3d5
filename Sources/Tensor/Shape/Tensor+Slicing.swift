extension Tensor {
    /// The part of the tensor whose indices lie in the ranges, one per leading axis: `x[0..<2, 3...]`. The other axes are kept whole.
    public subscript(_ ranges: any RangeExpression<Int>...) -> Tensor {
        require(
            ranges.count <= rank,
            "Tensor subscript: expected at most \(rank) ranges for \(shape), found \(ranges.count)")
        return ranges.enumerated().reduce(self) { part, range in
            let (axis, bounds) = (range.offset, range.element.relative(to: 0..<shape[range.offset]))
            return bounds == 0..<shape[axis] ? part : part.sliced(axis: axis, bounds)
        }
    }
}
