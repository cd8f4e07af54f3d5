import Tensor

extension Variable {
    /// The larger of each pair of elements. Equal elements share the gradient evenly, as in PyTorch. The shapes broadcast.
    public static func maximum(_ a: Variable, _ b: Variable) -> Variable {
        chosen(a, b, .maximum(a.value, b.value), a.value .> b.value)
    }

    /// The smaller of each pair of elements. Equal elements share the gradient evenly, as in PyTorch. The shapes broadcast.
    public static func minimum(_ a: Variable, _ b: Variable) -> Variable {
        chosen(a, b, .minimum(a.value, b.value), a.value .< b.value)
    }

    private static func chosen(_ a: Variable, _ b: Variable, _ value: Tensor, _ isLeft: Tensor) -> Variable {
        let share = isLeft + (a.value .== b.value) * 0.5
        let (left, right) = (a.shape, b.shape)
        return record(value, from: [a, b]) { g, needs in
            [needs(0, (g * share).summed(to: left)), needs(1, (g * (1 - share)).summed(to: right))]
        }
    }

    /// Each element raised to a power, as C's `pow`.
    public func raised(to exponent: Float) -> Variable {
        let x = value
        return Variable.record(x.raised(to: exponent), from: self) { g in
            exponent == 0 ? .zeros(x.shape) : g * x.raised(to: exponent - 1) * exponent
        }
    }

    /// Each element raised to the power of that of `exponent`. The exponent's gradient is y ln x, and 0 where x is 0. The shapes
    /// broadcast.
    public func raised(to exponent: Variable) -> Variable {
        let (x, p) = (value, exponent.value)
        let y = x.raised(to: p)
        return Variable.record(y, from: [self, exponent]) { g, needs in
            [
                needs(
                    0,
                    (g * p * x.raised(to: p - 1)).replacing(with: Tensor(0), where: p .== Tensor(0)).summed(to: x.shape)
                ),
                needs(1, (g * (y * x.log()).replacing(with: Tensor(0), where: x .== Tensor(0))).summed(to: p.shape)),
            ]
        }
    }

    /// `other`'s elements where `mask` is not 0, and this variable's elsewhere: PyTorch's `where(mask, other, self)`. All shapes
    /// broadcast; the mask receives no gradient.
    public func replacing(with other: Variable, where mask: Tensor) -> Variable {
        let (shape, otherShape) = (self.shape, other.shape)
        return Variable.record(value.replacing(with: other.value, where: mask), from: [self, other]) { g, needs in
            let zero = Tensor(0)
            return [
                needs(0, g.replacing(with: zero, where: mask).summed(to: shape)),
                needs(1, zero.replacing(with: g, where: mask).summed(to: otherShape)),
            ]
        }
    }
}
