import CTensorKernels

extension Tensor {
    /// Elementwise sum; shapes broadcast by NumPy's rule.
    public static func + (a: Tensor, b: Tensor) -> Tensor { combined(tensor_binary_add, "+", a, b) }
    /// Elementwise difference; shapes broadcast by NumPy's rule.
    public static func - (a: Tensor, b: Tensor) -> Tensor { combined(tensor_binary_subtract, "-", a, b) }
    /// Elementwise product; shapes broadcast by NumPy's rule.
    public static func * (a: Tensor, b: Tensor) -> Tensor { combined(tensor_binary_multiply, "*", a, b) }
    /// Elementwise quotient; shapes broadcast by NumPy's rule.
    public static func / (a: Tensor, b: Tensor) -> Tensor { combined(tensor_binary_divide, "/", a, b) }

    /// Adds a number to every element.
    public static func + (a: Tensor, b: Float) -> Tensor { a + Tensor(b) }
    /// Subtracts a number from every element.
    public static func - (a: Tensor, b: Float) -> Tensor { a - Tensor(b) }
    /// Multiplies every element by a number.
    public static func * (a: Tensor, b: Float) -> Tensor { a * Tensor(b) }
    /// Divides every element by a number.
    public static func / (a: Tensor, b: Float) -> Tensor { a / Tensor(b) }
    /// Adds every element to a number.
    public static func + (a: Float, b: Tensor) -> Tensor { Tensor(a) + b }
    /// Subtracts every element from a number.
    public static func - (a: Float, b: Tensor) -> Tensor { Tensor(a) - b }
    /// Multiplies every element by a number.
    public static func * (a: Float, b: Tensor) -> Tensor { Tensor(a) * b }
    /// Divides a number by every element.
    public static func / (a: Float, b: Tensor) -> Tensor { Tensor(a) / b }

    /// Adds in place; `b` broadcasts to `a`.
    public static func += (a: inout Tensor, b: Tensor) { a.combine(tensor_binary_add, "+=", b) }
    /// Subtracts in place; `b` broadcasts to `a`.
    public static func -= (a: inout Tensor, b: Tensor) { a.combine(tensor_binary_subtract, "-=", b) }
    /// Multiplies in place; `b` broadcasts to `a`.
    public static func *= (a: inout Tensor, b: Tensor) { a.combine(tensor_binary_multiply, "*=", b) }
    /// Adds a number to every element in place.
    public static func += (a: inout Tensor, b: Float) { a += Tensor(b) }
    /// Subtracts a number from every element in place.
    public static func -= (a: inout Tensor, b: Float) { a -= Tensor(b) }
    /// Multiplies every element by a number in place.
    public static func *= (a: inout Tensor, b: Float) { a *= Tensor(b) }

    private static func combined(_ operation: Int, _ name: String, _ a: Tensor, _ b: Tensor) -> Tensor {
        guard let shape = broadcastShape(a.shape, b.shape) else {
            preconditionFailure("\(name): shapes \(a.shape) and \(b.shape) do not broadcast")
        }
        let result = Tensor(uninitialized: shape)
        combine(Int32(operation), name, a, b, into: result.storage.base, leftBase: a.base)
        return result
    }

    private mutating func combine(_ operation: Int, _ name: String, _ other: Tensor) {
        precondition(
            Tensor.broadcastShape(shape, other.shape) == shape,
            "\(name): shape \(other.shape) does not broadcast to \(shape)")
        let target = mutableBase()
        Tensor.combine(Int32(operation), name, self, other, into: target, leftBase: UnsafePointer(target))
    }
}

extension Tensor {
    /// `self += scale · other`, in place and in one pass; the shapes must agree.
    public mutating func addScaled(_ other: Tensor, by scale: Float) {
        update(with: other, "addScaled") { kernels.add_scaled($0, scale, $1, $2) }
    }

    /// `self += weight · (other − self)`, in place and in one pass; the shapes must agree.
    public mutating func interpolate(towards other: Tensor, by weight: Float) {
        update(with: other, "interpolate") { kernels.interpolate($0, weight, $1, $2) }
    }

    private mutating func update(
        with other: Tensor, _ name: String,
        _ body: @Sendable (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) {
        precondition(shape == other.shape, "\(name): expected shape \(shape), found \(other.shape)")
        let target = SharedMutable(mutableBase())
        let source = Shared(other.base)
        parallelFor(count, grain: 65_536) { range in
            body(range.count, source + range.lowerBound, target + range.lowerBound)
        }
    }

    /// One Adam step in place, in one pass over memory, as `torch.optim.Adam` computes it.
    ///
    /// - Parameters:
    ///   - factor: multiplies the gradient.
    ///   - stepSize: lr / (1 − β1ᵗ).
    ///   - secondMomentCorrection: √(1 − β2ᵗ).
    ///   - weightDecay: lr · weight decay of AdamW; 0 for Adam.
    ///   - average: a moving average of the parameter, updated in the same pass.
    ///   - share: the weight of the new parameter in `average`.
    package static func adamStep(
        parameter: inout Tensor, gradient: Tensor, factor: Float, firstMoment: inout Tensor, secondMoment: inout Tensor,
        stepSize: Float, beta1: Float, beta2: Float, epsilon: Float, secondMomentCorrection: Float, weightDecay: Float,
        average: inout Tensor?, share: Float
    ) {
        precondition(
            parameter.shape == gradient.shape && parameter.shape == firstMoment.shape
                && parameter.shape == secondMoment.shape && average.map { $0.shape == parameter.shape } ?? true,
            "adamStep: expected shape \(parameter.shape), found gradient \(gradient.shape)")
        let values = SharedMutable(parameter.mutableBase())
        let first = SharedMutable(firstMoment.mutableBase())
        let second = SharedMutable(secondMoment.mutableBase())
        let slope = Shared(gradient.base)
        let movingAverage = (average?.mutableBase()).map { SharedMutable($0) }
        parallelFor(parameter.count, grain: 32_768) { range in
            let i = range.lowerBound
            kernels.adam(
                range.count, values + i, slope + i, factor, first + i, second + i, stepSize, beta1, beta2, epsilon,
                secondMomentCorrection, weightDecay, movingAverage.map { $0 + i }, share)
        }
    }
}
