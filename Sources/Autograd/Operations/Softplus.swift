import Tensor

extension Variable {
    /// ln(1 + eˣ) of each element, without overflow.
    public func softplus() -> Variable {
        let x = value
        return Variable.record(x.softplus(), from: self) { $0 * x.sigmoid() }
    }
}
