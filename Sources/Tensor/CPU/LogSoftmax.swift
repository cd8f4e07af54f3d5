import Foundation

extension Tensor {
    /// The logarithm of the softmax over the last axis: x − ln Σ eˣ, without overflow.
    public func logSoftmax() -> Tensor {
        guard let columns = shape.last else { fatalError("logSoftmax: expected an axis, found a scalar") }
        let result = Tensor(uninitialized: shape)
        let (source, target) = (Shared(self), SharedMutable(result.storage.base))
        parallelFor(count / max(columns, 1), grain: max(1, 16_384 / max(columns, 1))) { range in
            for row in range {
                let (x, y) = (source + row * columns, target + row * columns)
                var largest = x[0]
                for i in 1..<max(columns, 1) { largest = max(largest, x[i]) }
                var sum = 0.0
                for i in 0..<columns { sum += Double(Foundation.exp(x[i] - largest)) }
                let shift = largest + Float(Foundation.log(sum))
                for i in 0..<columns { y[i] = x[i] - shift }
            }
        }
        return result
    }
}
