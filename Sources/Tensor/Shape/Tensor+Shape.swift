extension Tensor {
    /// The same elements under another shape; at most one extent may be −1 and is then inferred.
    public func reshaped(to newShape: [Int]) -> Tensor {
        let known = newShape.filter { $0 != -1 }.reduce(1, *)
        let inferred = newShape.map { $0 == -1 ? (known == 0 ? 0 : count / known) : $0 }
        require(
            newShape.filter { $0 == -1 }.count <= 1 && inferred.reduce(1, *) == count,
            "reshaped: \(shape) has \(count) elements, \(newShape) does not fit them")
        return Tensor(self, shape: inferred)
    }

    /// The axes in another order: axis `i` of the result is axis `permutation[i]` of this tensor.
    public func transposed(_ permutation: [Int]) -> Tensor {
        require(
            permutation.sorted() == Array(0..<rank),
            "transposed: \(permutation) is not a permutation of the axes of \(shape)")
        let newShape = permutation.map { shape[$0] }
        // Axes of extent 1 do not matter: if the others keep their order, no element moves.
        let moving = permutation.filter { shape[$0] != 1 }
        guard count > 0, moving != moving.sorted() else { return Tensor(self, shape: newShape) }
        var strides = [Int](repeating: 1, count: rank)
        for axis in stride(from: rank - 2, through: 0, by: -1) { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        let sourceStrides = permutation.map { strides[$0] }
        let innerCount = newShape[rank - 1]
        let innerStride = sourceStrides[rank - 1]
        let outerShape = Array(newShape.dropLast())
        let result = Tensor(uninitialized: newShape)
        let source = Shared(self)
        let target = SharedMutable(result.storage.base)
        parallelFor(count / innerCount, grain: max(1, 65_536 / innerCount)) { rows in
            var index = outerShape
            var offset = 0
            var rest = rows.lowerBound
            for axis in outerShape.indices.reversed() {
                index[axis] = rest % outerShape[axis]
                offset += index[axis] * sourceStrides[axis]
                rest /= outerShape[axis]
            }
            for row in rows {
                let from = source + offset
                let to = target + row * innerCount
                if innerStride == 1 {
                    to.update(from: from, count: innerCount)
                } else {
                    for i in 0..<innerCount { to[i] = from[i * innerStride] }
                }
                for axis in outerShape.indices.reversed() {
                    index[axis] += 1
                    offset += sourceStrides[axis]
                    if index[axis] < outerShape[axis] { break }
                    offset -= index[axis] * sourceStrides[axis]
                    index[axis] = 0
                }
            }
        }
        return result
    }

    /// From PyTorch's `[batch, channels, height, width]` to `[batch, height, width, channels]`.
    public func channelsLast() -> Tensor {
        require(rank == 4, "channelsLast: expected [batch, channels, height, width], found \(shape)")
        return transposed([0, 2, 3, 1])
    }

    /// From `[batch, height, width, channels]` to PyTorch's `[batch, channels, height, width]`.
    public func channelsFirst() -> Tensor {
        require(rank == 4, "channelsFirst: expected [batch, height, width, channels], found \(shape)")
        return transposed([0, 3, 1, 2])
    }

    /// The part of the tensor whose index along `axis` lies in `range`.
    public func sliced(axis: Int, _ range: Range<Int>) -> Tensor {
        require(
            axis >= 0 && axis < rank && range.lowerBound >= 0 && range.upperBound <= shape[axis],
            "sliced: \(range) along axis \(axis) is outside \(shape)")
        var newShape = shape
        newShape[axis] = range.count
        let inner = shape[(axis + 1)...].reduce(1, *)
        let outer = shape[..<axis].reduce(1, *)
        if outer == 1, !storage.isWritable, newShape.reduce(1, *) > 0 {
            return Tensor(storage.part(range.lowerBound * inner..<range.upperBound * inner), shape: newShape)
        }
        let result = Tensor(uninitialized: newShape)
        let (start, step, width) = (range.lowerBound * inner, shape[axis] * inner, range.count * inner)
        for i in 0..<outer {
            storage.widen(start + i * step..<start + i * step + width, into: result.storage.base + i * width)
        }
        return result
    }

    /// Concatenates tensors along `axis`; their other extents must agree.
    public static func concatenate(_ tensors: [Tensor], axis: Int) -> Tensor {
        guard let first = tensors.first else { fatalError("concatenate: expected at least one tensor") }
        require(axis >= 0 && axis < first.rank, "concatenate: axis \(axis) is outside \(first.shape)")
        for tensor in tensors {
            var shape = tensor.shape
            if shape.count == first.rank { shape[axis] = first.shape[axis] }
            require(shape == first.shape, "concatenate along \(axis): \(first.shape) and \(tensor.shape) differ")
        }
        var newShape = first.shape
        newShape[axis] = tensors.reduce(0) { $0 + $1.shape[axis] }
        let inner = newShape[(axis + 1)...].reduce(1, *)
        let outer = newShape[..<axis].reduce(1, *)
        let rowCount = newShape[axis] * inner
        let result = Tensor(uninitialized: newShape)
        var column = 0
        for tensor in tensors {
            let width = tensor.shape[axis] * inner
            let (source, target) = (Shared(tensor), SharedMutable(result.storage.base + column))
            parallelFor(outer, grain: max(1, 65_536 / max(width, 1))) { range in
                for i in range { (target + i * rowCount).update(from: source + i * width, count: width) }
            }
            column += width
        }
        return result
    }

    /// The rows `indices` of axis 0, in that order: `[n, …]` → `[indices.count, …]`.
    public func gathered(rows indices: [Int]) -> Tensor {
        require(
            rank >= 1 && indices.allSatisfy { $0 >= 0 && $0 < shape[0] },
            "gathered: rows \(indices.prefix(8)) are outside \(shape)")
        let width = shape.dropFirst().reduce(1, *)
        let result = Tensor(uninitialized: [indices.count] + shape.dropFirst())
        for (row, index) in indices.enumerated() {
            storage.widen(index * width..<(index + 1) * width, into: result.storage.base + row * width)
        }
        return result
    }

    /// Zeros of `shape` to whose rows `indices` the rows of this tensor are added: the gradient of ``gathered(rows:)``.
    package func scattered(toRows indices: [Int], of shape: [Int]) -> Tensor {
        let width = shape.dropFirst().reduce(1, *)
        let result = Tensor.zeros(shape)
        let (source, target) = (Shared(self), result.storage.base)
        for (row, index) in indices.enumerated() {
            for i in 0..<width { target[index * width + i] += source.pointer[row * width + i] }
        }
        return result
    }
}
