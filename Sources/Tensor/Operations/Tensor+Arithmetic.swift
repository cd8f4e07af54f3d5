extension Tensor {
    /// Elementwise sum; shapes broadcast by NumPy's rule.
    public static func + (a: Tensor, b: Tensor) -> Tensor { combined(.add, "+", a, b) }
    /// Elementwise difference; shapes broadcast by NumPy's rule.
    public static func - (a: Tensor, b: Tensor) -> Tensor { combined(.subtract, "-", a, b) }
    /// Elementwise product; shapes broadcast by NumPy's rule.
    public static func * (a: Tensor, b: Tensor) -> Tensor { combined(.multiply, "*", a, b) }
    /// Elementwise quotient; shapes broadcast by NumPy's rule.
    public static func / (a: Tensor, b: Tensor) -> Tensor { combined(.divide, "/", a, b) }

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
    public static func += (a: inout Tensor, b: Tensor) { a.combine(.add, "+=", b) }
    /// Subtracts in place; `b` broadcasts to `a`.
    public static func -= (a: inout Tensor, b: Tensor) { a.combine(.subtract, "-=", b) }
    /// Multiplies in place; `b` broadcasts to `a`.
    public static func *= (a: inout Tensor, b: Tensor) { a.combine(.multiply, "*=", b) }
    /// Adds a number to every element in place.
    public static func += (a: inout Tensor, b: Float) { a += Tensor(b) }
    /// Subtracts a number from every element in place.
    public static func -= (a: inout Tensor, b: Float) { a -= Tensor(b) }
    /// Multiplies every element by a number in place.
    public static func *= (a: inout Tensor, b: Float) { a *= Tensor(b) }

    private static func combined(_ operation: BinaryOperation, _ name: String, _ a: Tensor, _ b: Tensor) -> Tensor {
        guard let plan = Broadcast(a.shape, b.shape) else {
            fatalError("\(name): shapes \(a.shape) and \(b.shape) do not broadcast")
        }
        return operation.combine(a, b, plan)
    }

    private mutating func combine(_ operation: BinaryOperation, _ name: String, _ other: Tensor) {
        guard let plan = Broadcast(shape, other.shape), plan.shape == shape else {
            fatalError("\(name): shape \(other.shape) does not broadcast to \(shape)")
        }
        operation.combine(&self, other, plan)
    }
}
