import Tensor

extension Variable {
    /// eˣ of each element.
    public func exp() -> Variable {
        let y = value.exp()
        return Variable.record(y, from: self) { $0 * y }
    }
    /// The natural logarithm of each element.
    public func log() -> Variable { mapped({ $0.log() }) { $0 / $1 } }
    /// The square root of each element.
    public func squareRoot() -> Variable {
        let y = value.squareRoot()
        return Variable.record(y, from: self) { $0 / (y * 2) }
    }
    /// x² of each element.
    public func squared() -> Variable { mapped({ $0.squared() }) { $0 * $1 * 2 } }
    /// 1/x of each element.
    public func reciprocal() -> Variable {
        let y = value.reciprocal()
        return Variable.record(y, from: self) { -($0 * y.squared()) }
    }
    /// |x| of each element; the gradient at 0 is 0.
    public func absolute() -> Variable { mapped({ $0.absolute() }) { $0 * $1.sign() } }
    /// The sine of each element, in radians.
    public func sine() -> Variable { mapped({ $0.sine() }) { $0 * $1.cosine() } }
    /// The cosine of each element, in radians.
    public func cosine() -> Variable { mapped({ $0.cosine() }) { -($0 * $1.sine()) } }
    /// Each element clamped to `bounds`; elements outside receive no gradient.
    public func clamped(to bounds: ClosedRange<Float>) -> Variable {
        mapped({ $0.clamped(to: bounds) }) { $0 * $1.indicator(of: bounds) }
    }

    /// The hyperbolic tangent of each element.
    public func tanh() -> Variable { activated(.tanh) }
    /// 1 / (1 + e⁻ˣ) of each element.
    public func sigmoid() -> Variable { activated(.sigmoid) }
    /// x · sigmoid(x) of each element.
    public func silu() -> Variable { activated(.silu) }
    /// x · Φ(x) of each element, where Φ is the exact normal distribution function.
    public func gelu() -> Variable { activated(.gelu) }
    /// x · sigmoid(1.702 x) of each element.
    public func quickGELU() -> Variable { activated(.quickGELU) }
    /// max(x, 0) of each element; the gradient at 0 is 0.
    public func relu() -> Variable { activated(.relu) }
    /// `activation` of each element.
    public func activated(_ activation: Activation) -> Variable {
        mapped({ $0.activated(activation) }) { $1.activationGradient(activation, outputGradient: $0) }
    }
    /// The gated linear unit of GEGLU: `[…, 2c]` → `[…, c]`, the first half times the GELU of the second.
    public func geglu() -> Variable { mapped({ $0.geglu() }) { $1.gegluGradient(outputGradient: $0) } }

    private func mapped(
        _ function: (Tensor) -> Tensor,
        _ gradient: @escaping @Sendable (_ outputGradient: Tensor, _ input: Tensor) -> Tensor
    ) -> Variable {
        let x = value
        return Variable.record(function(x), from: self) { gradient($0, x) }
    }
}
