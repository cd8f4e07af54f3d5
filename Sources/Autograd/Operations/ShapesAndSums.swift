import Tensor

extension Variable {
    /// The same elements under another shape; at most one extent may be −1 and is then inferred.
    public func reshaped(to newShape: [Int]) -> Variable {
        let shape = self.shape
        return Variable.record(value.reshaped(to: newShape), from: self) { $0.reshaped(to: shape) }
    }

    /// The axes in another order: axis `i` of the result is axis `permutation[i]` of this variable.
    public func transposed(_ permutation: [Int]) -> Variable {
        var inverse = permutation
        for (i, axis) in permutation.enumerated() where axis < inverse.count { inverse[axis] = i }
        return Variable.record(value.transposed(permutation), from: self) { [inverse] in $0.transposed(inverse) }
    }

    /// The part whose index along `axis` lies in `range`.
    public func sliced(axis: Int, _ range: Range<Int>) -> Variable {
        let shape = self.shape
        return Variable.record(value.sliced(axis: axis, range), from: self) { g in
            var (before, after) = (shape, shape)
            before[axis] = range.lowerBound
            after[axis] = shape[axis] - range.upperBound
            return Tensor.concatenate([.zeros(before), g, .zeros(after)], axis: axis)
        }
    }

    /// The variables concatenated along `axis`; their other extents must agree.
    public static func concatenate(_ variables: [Variable], axis: Int) -> Variable {
        let extents = variables.map { $0.shape[axis] }
        return record(Tensor.concatenate(variables.map(\.value), axis: axis), from: variables) { g, needs in
            var start = 0
            return extents.enumerated().map { input, extent in
                defer { start += extent }
                return needs(input, g.sliced(axis: axis, start..<start + extent))
            }
        }
    }

    /// This variable repeated `count` times along axis 0: `[n, …]` → `[count · n, …]`.
    public func repeated(_ count: Int) -> Variable {
        count == 1 ? self : .concatenate(Array(repeating: self, count: count), axis: 0)
    }

    /// The rows `indices` of axis 0, in that order: `[n, …]` → `[indices.count, …]`.
    public func gathered(rows indices: [Int]) -> Variable {
        let shape = self.shape
        return Variable.record(value.gathered(rows: indices), from: self) { $0.scattered(toRows: indices, of: shape) }
    }

    /// This variable repeated to fill `newShape`, with which it must broadcast.
    public func broadcast(to newShape: [Int]) -> Variable {
        let shape = self.shape
        return Variable.record(value.broadcast(to: newShape), from: self) { $0.summed(to: shape) }
    }

    /// Sums over `axes`, accumulated in Double; the summed axes disappear, or stay as 1 when `keepingDimensions`.
    public func sum(alongAxes axes: [Int], keepingDimensions: Bool = false) -> Variable {
        let shape = self.shape
        let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
        let result = value.sum(alongAxes: axes, keepingDimensions: keepingDimensions)
        return Variable.record(result, from: self) { $0.reshaped(to: kept).broadcast(to: shape) }
    }

    /// Means over `axes`, accumulated in Double; the axes disappear, or stay as 1 when `keepingDimensions`.
    public func mean(alongAxes axes: [Int], keepingDimensions: Bool = false) -> Variable {
        let total = axes.reduce(1) { $0 * shape[$1] }
        return sum(alongAxes: axes, keepingDimensions: keepingDimensions) * (1 / Float(total))
    }

    /// The sum of all elements, accumulated in Double, as a scalar.
    public func sum() -> Variable {
        let shape = self.shape
        return Variable.record(Tensor(Float(value.sum())), from: self) { Tensor(repeating: $0.item, shape: shape) }
    }

    /// The mean of all elements, accumulated in Double, as a scalar.
    public func mean() -> Variable {
        let (shape, count) = (self.shape, Float(value.count))
        return Variable.record(Tensor(Float(value.mean())), from: self) {
            Tensor(repeating: $0.item / count, shape: shape)
        }
    }

    /// mean((self − target)²) over all elements, as a scalar.
    public func meanSquaredError(_ target: Variable) -> Variable { (self - target).squared().mean() }
}
