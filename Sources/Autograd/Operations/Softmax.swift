import Tensor

extension Variable {
    /// Softmax over the last axis.
    public func softmax() -> Variable {
        let output = value.softmax()
        return Variable.record(output, from: self) { output.softmaxGradient(outputGradient: $0) }
    }
}
