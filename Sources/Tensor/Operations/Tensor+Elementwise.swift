import Foundation

/// The activation functions of the models.
public enum Activation: Sendable, Hashable {
    /// x · sigmoid(x).
    case silu
    /// x · Φ(x), with the exact normal distribution function (PyTorch's default, not the tanh form).
    case gelu
    /// x · sigmoid(1.702 x), as in OpenAI's CLIP.
    case quickGELU
    /// max(x, 0).
    case relu
    /// 1 / (1 + e⁻ˣ).
    case sigmoid
    /// The hyperbolic tangent.
    case tanh
}

extension Tensor {
    /// eˣ of each element.
    public func exp() -> Tensor { unary(.exp) }
    /// The square root of each element.
    public func squareRoot() -> Tensor { unary(.squareRoot) }
    /// x² of each element.
    public func squared() -> Tensor { unary(.square) }
    /// 1/x of each element.
    public func reciprocal() -> Tensor { unary(.reciprocal) }
    /// |x| of each element.
    public func absolute() -> Tensor { unary(.absolute) }
    /// −x of each element.
    public static prefix func - (x: Tensor) -> Tensor { x.unary(.negate) }
    /// The hyperbolic tangent of each element.
    public func tanh() -> Tensor { activated(.tanh) }
    /// 1 / (1 + e⁻ˣ) of each element.
    public func sigmoid() -> Tensor { activated(.sigmoid) }
    /// x · sigmoid(x) of each element.
    public func silu() -> Tensor { activated(.silu) }
    /// x · Φ(x) of each element, Φ the exact normal distribution function.
    public func gelu() -> Tensor { activated(.gelu) }
    /// x · sigmoid(1.702 x) of each element.
    public func quickGELU() -> Tensor { activated(.quickGELU) }
    /// max(x, 0) of each element.
    public func relu() -> Tensor { activated(.relu) }
    /// `activation` of each element.
    public func activated(_ activation: Activation) -> Tensor { unary(.activation(activation)) }

    /// The natural logarithm of each element.
    public func log() -> Tensor { mapped { Foundation.log($0) } }
    /// The sine of each element, in radians.
    public func sine() -> Tensor { mapped { Foundation.sin($0) } }
    /// The cosine of each element, in radians.
    public func cosine() -> Tensor { mapped { Foundation.cos($0) } }
    /// ln(1 + eˣ) of each element, without overflow.
    package func softplus() -> Tensor { mapped { max($0, 0) + log1p(Foundation.exp(-abs($0))) } }
    /// 1 for positive elements, −1 for negative ones, and the others themselves.
    package func sign() -> Tensor { mapped { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 } }
    /// 1 for elements within `bounds`, 0 for the others.
    package func indicator(of bounds: ClosedRange<Float>) -> Tensor { mapped { bounds.contains($0) ? 1 : 0 } }
}
