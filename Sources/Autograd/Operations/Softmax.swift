import CTensorKernels
import Tensor

extension Variable {
    /// Softmax over the last axis.
    public func softmax() -> Variable {
        let output = value.softmax()
        return Variable.record(output, from: [self]) { outputGradient in
            let columns = output.shape[output.rank - 1]
            let (y, dy) = (Shared(output.base), Shared(outputGradient.base))
            let inputGradient = Tensor(shape: output.shape) { target in
                guard let base = target.baseAddress else { return }
                let dx = SharedMutable(base)
                parallelFor(output.count / max(columns, 1), grain: max(1, 16_384 / max(columns, 1))) { range in
                    let start = range.lowerBound * columns
                    kernels.softmax_gradient(range.count, columns, y + start, dy + start, dx + start)
                }
            }
            return [inputGradient]
        }
    }
}
