import CTensorKernels

extension Tensor {
    /// The sum of all elements, added in Double.
    public func sum() -> Double { chunked { kernels.sum($0.count, $1 + $0.lowerBound) } }

    /// The mean of all elements, added in Double; NaN when there are none.
    public func mean() -> Double { sum() / Double(count) }

    /// The sum of the squares of all elements, added in Double.
    public func squaredNorm() -> Double { dot(self) }

    /// The sum of the products of the elements of two tensors of one shape, added in Double.
    public func dot(_ other: Tensor) -> Double {
        require(shape == other.shape, "dot: expected shape \(shape), found \(other.shape)")
        let y = Shared(other)
        return chunked { kernels.dot($0.count, $1 + $0.lowerBound, y + $0.lowerBound) }
    }

    /// The largest element; NaN when any element is NaN. The tensor must not be empty.
    public func maximum() -> Float {
        require(count > 0, "maximum: the tensor of shape \(shape) is empty")
        let numbers = Shared(self)
        return withExtendedLifetime(numbers) { kernels.maximum(count, numbers.pointer) }
    }

    /// The smallest element; NaN when any element is NaN. The tensor must not be empty.
    public func minimum() -> Float { -(-self).maximum() }

    /// The number of elements that are infinite or NaN.
    public func nonFiniteCount() -> Int {
        guard [.float16, .bfloat16].contains(scalarType) else {
            return Int(chunked { Double(kernels.non_finite($0.count, $1 + $0.lowerBound)) })
        }
        let words = storage.stored.assumingMemoryBound(to: UInt16.self)
        return kernels.non_finite_words(count, words, scalarType == .float16 ? 0x7c00 : 0x7f80)
    }

    /// Sums over `axes`, added in Double; the summed axes disappear, or stay as 1 when `keepingDimensions`.
    public func sum(alongAxes axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        require(
            Set(axes).count == axes.count && axes.allSatisfy { $0 >= 0 && $0 < rank },
            "sum: axes \(axes) are not distinct axes of \(shape)")
        let sorted = axes.sorted()
        guard let last = sorted.last else { return self }
        // A run of neighbouring axes is summed at once, then the runs before it.
        var first = last
        while sorted.contains(first - 1) { first -= 1 }
        let reduced = summedRun(first...last)
        let rest = sorted.filter { $0 < first }
        let summed = rest.isEmpty ? reduced : reduced.sum(alongAxes: rest, keepingDimensions: true)
        guard !keepingDimensions else { return summed }
        return summed.reshaped(to: (0..<rank).filter { !axes.contains($0) }.map { shape[$0] })
    }

    /// Means over `axes`, added in Double; the axes disappear, or stay as 1 when `keepingDimensions`.
    public func mean(alongAxes axes: [Int], keepingDimensions: Bool = false) -> Tensor {
        let total = axes.reduce(1) { $0 * shape[$1] }
        return sum(alongAxes: axes, keepingDimensions: keepingDimensions) / Float(total)
    }

    private func summedRun(_ axes: ClosedRange<Int>) -> Tensor {
        var newShape = shape
        for axis in axes { newShape[axis] = 1 }
        let inner = shape[(axes.upperBound + 1)...].reduce(1, *)
        let middle = shape[axes].reduce(1, *)
        let outer = shape[..<axes.lowerBound].reduce(1, *)
        let result = Tensor(uninitialized: newShape)
        let x = Shared(self)
        let y = SharedMutable(result.storage.base)
        // Columns are split so that a long sum over few outer rows still uses every thread.
        let width = min(max(inner, 1), 64)
        let parts = (inner + width - 1) / width
        parallelFor(outer * parts, grain: max(1, 16_384 / max(middle * width, 1))) { range in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { sums in
                for task in range {
                    let row = task / parts
                    let column = task % parts * width
                    let columns = min(width, inner - column)
                    let start = row * middle * inner + column
                    if inner == 1 {
                        y.pointer[row] = Float(kernels.sum(middle, x + start))
                    } else {
                        sums.initialize(repeating: 0)
                        for i in 0..<middle {
                            kernels.add_columns(1, columns, x + (start + i * inner), sums.baseAddress)
                        }
                        for i in 0..<columns { y.pointer[row * inner + column + i] = Float(sums[i]) }
                    }
                }
            }
        }
        return result
    }

    /// The sum of `body` over fixed chunks, added in order.
    private func chunked(_ body: @Sendable (Range<Int>, Shared<Float>) -> Double) -> Double {
        let grain = 65_536
        let chunks = (count + grain - 1) / grain
        guard chunks > 1 else { return count == 0 ? 0 : body(0..<count, Shared(self)) }
        let x = Shared(self)
        var partial = [Double](repeating: 0, count: chunks)
        partial.withUnsafeMutableBufferPointer { buffer in
            guard let address = buffer.baseAddress else { return }
            let target = SharedMutable(address)
            parallelFor(count, grain: grain) { target.pointer[$0.lowerBound / grain] = body($0, x) }
        }
        return partial.reduce(0, +)
    }
}
