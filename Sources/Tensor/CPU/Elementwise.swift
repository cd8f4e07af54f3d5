import CTensorKernels

/// A function of one number, applied elementwise.
enum UnaryOperation {
    case exp, squareRoot, square, reciprocal, absolute, negate
    case activation(Activation)

    fileprivate var kernel: Int32 {
        switch self {
        case .exp: Int32(tensor_unary_exp)
        case .squareRoot: Int32(tensor_unary_square_root)
        case .square: Int32(tensor_unary_square)
        case .reciprocal: Int32(tensor_unary_reciprocal)
        case .absolute: Int32(tensor_unary_absolute)
        case .negate: Int32(tensor_unary_negate)
        case .activation(let activation): activation.kernel
        }
    }
}

extension Activation {
    /// The kernels' constant for this function.
    var kernel: Int32 {
        switch self {
        case .silu: Int32(tensor_unary_silu)
        case .gelu: Int32(tensor_unary_gelu)
        case .quickGELU: Int32(tensor_unary_quick_gelu)
        case .relu: Int32(tensor_unary_relu)
        case .sigmoid: Int32(tensor_unary_sigmoid)
        case .tanh: Int32(tensor_unary_tanh)
        }
    }
}

extension Tensor {
    /// `operation` of each element.
    func unary(_ operation: UnaryOperation) -> Tensor {
        let kernel = operation.kernel
        return elementwise { kernels.unary(kernel, $0, $1, $2) }
    }

    /// `function` of each element, in parallel.
    func mapped(_ function: @Sendable (Float) -> Float) -> Tensor {
        elementwise { count, x, y in
            for i in 0..<count { y[i] = function(x[i]) }
        }
    }

    private func elementwise(
        _ body: @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        let result = Tensor(uninitialized: shape)
        let x = Shared(self)
        let y = SharedMutable(result.storage.base)
        parallelFor(count, grain: 16_384) { range in
            body(range.count, x + range.lowerBound, y + range.lowerBound)
        }
        return result
    }

    /// Each element clamped to `bounds`; NaN stays NaN.
    public func clamped(to bounds: ClosedRange<Float>) -> Tensor {
        elementwise { kernels.clamp($0, bounds.lowerBound, bounds.upperBound, $1, $2) }
    }

    /// The gradient of `activated(activation)` with respect to this input, given the gradient of its output, of the same shape.
    package func activationGradient(_ activation: Activation, outputGradient: Tensor) -> Tensor {
        require(
            shape == outputGradient.shape,
            "activationGradient: expected an output gradient of shape \(shape), found \(outputGradient.shape)")
        let dy = Shared(outputGradient)
        let x = Shared(self)
        let result = Tensor(uninitialized: shape)
        let dx = SharedMutable(result.storage.base)
        parallelFor(count, grain: 16_384) { range in
            let i = range.lowerBound
            kernels.unary_gradient(activation.kernel, range.count, x + i, dy + i, dx + i)
        }
        return result
    }
}

extension Tensor {
    /// `self += scale · other`, in place and in one pass; the shapes must agree.
    public mutating func addScaled(_ other: Tensor, by scale: Float) {
        require(shape == other.shape, "addScaled: expected shape \(shape), found \(other.shape)")
        update(with: other) { kernels.add_scaled($0, scale, $1, $2) }
    }

    /// `self += weight · (other − self)`, in place and in one pass; the shapes must agree.
    public mutating func interpolate(towards other: Tensor, by weight: Float) {
        require(shape == other.shape, "interpolate: expected shape \(shape), found \(other.shape)")
        update(with: other) { kernels.interpolate($0, weight, $1, $2) }
    }

    private mutating func update(
        with other: Tensor, _ body: @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) {
        let target = SharedMutable(mutableBase())
        let source = Shared(other)
        parallelFor(count, grain: 65_536) { range in
            body(range.count, source + range.lowerBound, target + range.lowerBound)
        }
    }
}
