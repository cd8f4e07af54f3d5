import CTensorKernels
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

    var kernel: Int {
        switch self {
        case .silu: tensor_unary_silu
        case .gelu: tensor_unary_gelu
        case .quickGELU: tensor_unary_quick_gelu
        case .relu: tensor_unary_relu
        case .sigmoid: tensor_unary_sigmoid
        case .tanh: tensor_unary_tanh
        }
    }
}

extension Tensor {
    /// eˣ of each element.
    public func exp() -> Tensor { unary(tensor_unary_exp) }
    /// The square root of each element.
    public func squareRoot() -> Tensor { unary(tensor_unary_square_root) }
    /// x² of each element.
    public func squared() -> Tensor { unary(tensor_unary_square) }
    /// 1/x of each element.
    public func reciprocal() -> Tensor { unary(tensor_unary_reciprocal) }
    /// |x| of each element.
    public func absolute() -> Tensor { unary(tensor_unary_absolute) }
    /// −x of each element.
    public static prefix func - (x: Tensor) -> Tensor { x.unary(tensor_unary_negate) }
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
    public func activated(_ activation: Activation) -> Tensor { unary(activation.kernel) }

    /// The natural logarithm of each element.
    public func log() -> Tensor { mapped { Foundation.log($0) } }
    /// The sine of each element, in radians.
    public func sine() -> Tensor { mapped { Foundation.sin($0) } }
    /// The cosine of each element, in radians.
    public func cosine() -> Tensor { mapped { Foundation.cos($0) } }

    /// Each element clamped to `bounds`; NaN stays NaN.
    public func clamped(to bounds: ClosedRange<Float>) -> Tensor {
        elementwise { kernels.clamp($0, bounds.lowerBound, bounds.upperBound, $1, $2) }
    }

    /// The gated linear unit of GEGLU (arXiv 2002.05202) as diffusers lays it out: `[…, 2c]` → `[…, c]`, the first half
    /// times the GELU of the second.
    public func geglu() -> Tensor {
        let width = gegluWidth
        let result = Tensor(uninitialized: shape.dropLast() + [width])
        let rows = result.count / max(width, 1)
        let x = Shared(base)
        let y = SharedMutable(result.storage.base)
        parallelFor(rows, grain: max(1, 16_384 / max(width, 1))) { range in
            kernels.geglu(range.count, width, x + range.lowerBound * 2 * width, y + range.lowerBound * width)
        }
        return result
    }

    /// The gradient of ``geglu()`` with respect to this input, given the gradient of its output.
    package func gegluGradient(outputGradient: Tensor) -> Tensor {
        let width = gegluWidth
        let result = Tensor(uninitialized: shape)
        let rows = outputGradient.count / max(width, 1)
        let x = Shared(base)
        let dy = Shared(outputGradient.base)
        let dx = SharedMutable(result.storage.base)
        parallelFor(rows, grain: max(1, 16_384 / max(width, 1))) { range in
            let i = range.lowerBound
            kernels.geglu_gradient(range.count, width, x + i * 2 * width, dy + i * width, dx + i * 2 * width)
        }
        return result
    }

    /// The gradient of `activated(activation)` with respect to this input, given the gradient of its output, of the same shape.
    package func activationGradient(_ activation: Activation, outputGradient: Tensor) -> Tensor {
        precondition(
            shape == outputGradient.shape,
            "activationGradient: expected an output gradient of shape \(shape), found \(outputGradient.shape)")
        let dy = Shared(outputGradient.base)
        let x = Shared(base)
        let result = Tensor(uninitialized: shape)
        let dx = SharedMutable(result.storage.base)
        parallelFor(count, grain: 16_384) { range in
            let i = range.lowerBound
            kernels.unary_gradient(Int32(activation.kernel), range.count, x + i, dy + i, dx + i)
        }
        return result
    }

    private var gegluWidth: Int {
        guard let width = shape.last, width % 2 == 0 else {
            preconditionFailure("geglu: expected an even last extent, found shape \(shape)")
        }
        return width / 2
    }

    private func unary(_ operation: Int) -> Tensor {
        elementwise { kernels.unary(Int32(operation), $0, $1, $2) }
    }

    private func mapped(_ function: @Sendable (Float) -> Float) -> Tensor {
        elementwise { count, x, y in
            for i in 0..<count { y[i] = function(x[i]) }
        }
    }

    private func elementwise(
        _ body: @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        let result = Tensor(uninitialized: shape)
        let x = Shared(base)
        let y = SharedMutable(result.storage.base)
        parallelFor(count, grain: 16_384) { range in
            body(range.count, x + range.lowerBound, y + range.lowerBound)
        }
        return result
    }
}
