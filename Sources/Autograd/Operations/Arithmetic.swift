import Tensor

extension Variable {
    /// Elementwise sum; shapes broadcast by NumPy's rule.
    public static func + (a: Variable, b: Variable) -> Variable {
        let (aShape, bShape) = (a.shape, b.shape)
        return record(a.value + b.value, from: [a, b]) { g, needs in
            [needs(0, g.summed(to: aShape)), needs(1, g.summed(to: bShape))]
        }
    }

    /// Elementwise difference; shapes broadcast by NumPy's rule.
    public static func - (a: Variable, b: Variable) -> Variable {
        let (aShape, bShape) = (a.shape, b.shape)
        return record(a.value - b.value, from: [a, b]) { g, needs in
            [needs(0, g.summed(to: aShape)), needs(1, (-g).summed(to: bShape))]
        }
    }

    /// Elementwise product; shapes broadcast by NumPy's rule.
    public static func * (a: Variable, b: Variable) -> Variable {
        let (x, y) = (a.value, b.value)
        return record(x * y, from: [a, b]) { g, needs in
            [needs(0, (g * y).summed(to: x.shape)), needs(1, (g * x).summed(to: y.shape))]
        }
    }

    /// Elementwise quotient; shapes broadcast by NumPy's rule.
    public static func / (a: Variable, b: Variable) -> Variable {
        let (x, y) = (a.value, b.value)
        let quotient = x / y
        return record(quotient, from: [a, b]) { g, needs in
            let scaled = g / y
            return [needs(0, scaled.summed(to: x.shape)), needs(1, (-(scaled * quotient)).summed(to: y.shape))]
        }
    }

    /// Adds a number to every element.
    public static func + (a: Variable, b: Float) -> Variable { record(a.value + b, from: a) { $0 } }
    /// Subtracts a number from every element.
    public static func - (a: Variable, b: Float) -> Variable { record(a.value - b, from: a) { $0 } }
    /// Multiplies every element by a number.
    public static func * (a: Variable, b: Float) -> Variable { record(a.value * b, from: a) { $0 * b } }
    /// Divides every element by a number.
    public static func / (a: Variable, b: Float) -> Variable { record(a.value / b, from: a) { $0 / b } }
    /// Adds every element to a number.
    public static func + (a: Float, b: Variable) -> Variable { b + a }
    /// Subtracts every element from a number.
    public static func - (a: Float, b: Variable) -> Variable { record(a - b.value, from: b) { -$0 } }
    /// Multiplies every element by a number.
    public static func * (a: Float, b: Variable) -> Variable { b * a }
    /// Divides a number by every element.
    public static func / (a: Float, b: Variable) -> Variable { b.reciprocal() * a }
    /// −x of each element.
    public static prefix func - (x: Variable) -> Variable { record(-x.value, from: x) { -$0 } }
}
