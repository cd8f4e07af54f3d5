import Tensor

extension Variable {
    /// x where it is positive, and `slope` x elsewhere: PyTorch's `leaky_relu`.
    public func leakyReLU(slope: Float = 0.01) -> Variable { relu() - (-self).relu() * slope }

    /// x where it is positive, and α (eˣ − 1) elsewhere: PyTorch's `elu`.
    public func elu(alpha: Float = 1) -> Variable { relu() + ((-(-self).relu()).exp() - 1) * alpha }

    /// x tanh(ln(1 + eˣ)) of each element (arXiv 1908.08681).
    public func mish() -> Variable { self * softplus().tanh() }

    /// Each element set to 0 with probability `rate`, and divided by 1 − `rate` otherwise, with random numbers from `stream`.
    public func dropout(rate: Double, using stream: inout RandomStream) -> Variable {
        require((0..<1).contains(rate), "dropout: expected a rate from 0 to below 1, found \(rate)")
        let mask = stream.uniform(shape) .>= Tensor(Float(rate))
        return self * Variable(mask * Float(1 / (1 - rate)))
    }

    /// x / √(mean x² + ε) over the last axis, times a scale per channel: PyTorch's `rms_norm`.
    ///
    /// - Parameters:
    ///   - scale: `[channels]`.
    ///   - epsilon: ε.
    public func rmsNorm(scale: Variable, epsilon: Float = 1e-6) -> Variable {
        let power = squared().mean(alongAxes: [shape.count - 1], keepingDimensions: true)
        return self / (power + epsilon).squareRoot() * scale
    }
}
