import Tensor

extension Variable {
    /// Variables of one shape along a new axis: the result's axis `axis` has `variables.count` elements.
    public static func stack(_ variables: [Variable], axis: Int = 0) -> Variable {
        record(.stack(variables.map(\.value), axis: axis), from: variables) { g, needs in
            variables.indices.map { index in
                needs(index, g.sliced(axis: axis, index..<index + 1).reshaped(to: variables[index].shape))
            }
        }
    }

    /// Parts with these extents along an axis; their sum is the axis' extent.
    public func split(_ extents: [Int], axis: Int) -> [Variable] {
        require(
            axis >= 0 && axis < shape.count && extents.allSatisfy { $0 >= 0 } && extents.reduce(0, +) == shape[axis],
            "split: extents \(extents) along axis \(axis) do not divide \(shape)")
        var start = 0
        return extents.map { extent in
            defer { start += extent }
            return sliced(axis: axis, start..<start + extent)
        }
    }

    /// The variable with `before` and `after` elements of a value added along an axis.
    public func padded(axis: Int, before: Int, after: Int, with value: Float = 0) -> Variable {
        let extent = shape[axis]
        return Variable.record(self.value.padded(axis: axis, before: before, after: after, with: value), from: self) {
            $0.sliced(axis: axis, before..<before + extent)
        }
    }
}
