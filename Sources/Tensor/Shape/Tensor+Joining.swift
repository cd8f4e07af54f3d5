extension Tensor {
    /// Tensors of one shape along a new axis: the result's axis `axis` has `tensors.count` elements.
    public static func stack(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
        guard let first = tensors.first else { fatalError("stack: expected at least one tensor") }
        require(axis >= 0 && axis <= first.rank, "stack: axis \(axis) is outside \(first.shape)")
        var shape = first.shape
        shape.insert(1, at: axis)
        return concatenate(
            tensors.map { tensor in
                require(
                    tensor.shape == first.shape, "stack: expected the shape \(first.shape), found \(tensor.shape)")
                return tensor.reshaped(to: shape)
            }, axis: axis)
    }

    /// Parts with these extents along an axis; their sum is the axis' extent.
    public func split(_ extents: [Int], axis: Int) -> [Tensor] {
        require(
            axis >= 0 && axis < rank && extents.allSatisfy { $0 >= 0 } && extents.reduce(0, +) == shape[axis],
            "split: extents \(extents) along axis \(axis) do not divide \(shape)")
        var start = 0
        return extents.map { extent in
            defer { start += extent }
            return sliced(axis: axis, start..<start + extent)
        }
    }

    /// The tensor with `before` and `after` elements of a value added along an axis.
    public func padded(axis: Int, before: Int, after: Int, with value: Float = 0) -> Tensor {
        require(
            axis >= 0 && axis < rank && before >= 0 && after >= 0,
            "padded: \(before) and \(after) along axis \(axis) do not fit \(shape)")
        func border(_ extent: Int) -> Tensor {
            var shape = shape
            shape[axis] = extent
            return Tensor(repeating: value, shape: shape)
        }
        return .concatenate([border(before), self, border(after)], axis: axis)
    }
}
