import CTensorKernels

extension Tensor {
    /// Softmax over the last axis.
    public func softmax() -> Tensor {
        guard let columns = shape.last else { fatalError("softmax: expected an axis, found a scalar") }
        let result = Tensor(uninitialized: shape)
        let (x, y) = (Shared(self), SharedMutable(result.storage.base))
        parallelFor(count / max(columns, 1), grain: max(1, 16_384 / max(columns, 1))) { range in
            let start = range.lowerBound * columns
            kernels.softmax(range.count, columns, x + start, y + start)
        }
        return result
    }

    /// The gradient of ``softmax()`` with respect to its input; self is its output.
    package func softmaxGradient(outputGradient: Tensor) -> Tensor {
        guard let columns = shape.last else { fatalError("softmax: expected an axis, found a scalar") }
        let result = Tensor(uninitialized: shape)
        let (y, dy, dx) = (Shared(self), Shared(outputGradient), SharedMutable(result.storage.base))
        parallelFor(count / max(columns, 1), grain: max(1, 16_384 / max(columns, 1))) { range in
            let start = range.lowerBound * columns
            kernels.softmax_gradient(range.count, columns, y + start, dy + start, dx + start)
        }
        return result
    }
}
