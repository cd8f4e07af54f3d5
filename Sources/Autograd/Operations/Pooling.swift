import Tensor

extension Variable {
    /// The largest value of each window, `[batch, height, width, channels]` → `[batch, height′, width′, channels]`; pixels outside the
    /// map are ignored. The gradient goes to the first of equal values.
    public func maxPooled(size: Int, stride: Int, padding: Int = 0) -> Variable {
        let x = value
        let y = x.maxPooled(size: size, stride: stride, padding: padding)
        return Variable.record(y, from: self) {
            x.maxPoolingGradient(size: size, stride: stride, padding: padding, output: y, outputGradient: $0)
        }
    }
}
