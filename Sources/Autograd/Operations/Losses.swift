import Tensor

extension Variable {
    /// The logarithm of the softmax over the last axis, without overflow.
    public func logSoftmax() -> Variable {
        let y = value.logSoftmax()
        return Variable.record(y, from: self) { g in
            g - y.exp() * g.sum(alongAxes: [g.rank - 1], keepingDimensions: true)
        }
    }

    /// The mean of −ln softmax(x) at the labels: `[…, classes]`, one label per row. PyTorch's `cross_entropy`.
    public func crossEntropy(with labels: [Int]) -> Variable {
        guard let classes = shape.last else { fatalError("crossEntropy: expected an axis, found a scalar") }
        require(
            labels.count * classes == value.count && labels.allSatisfy { $0 >= 0 && $0 < classes },
            "crossEntropy: expected \(value.count / max(classes, 1)) labels below \(classes), found \(labels.prefix(8))"
        )
        let rows = logSoftmax().reshaped(to: [labels.count * classes, 1])
        let chosen = rows.gathered(rows: labels.enumerated().map { $0 * classes + $1 })
        return -chosen.mean()
    }

    /// The mean of |x − target|: PyTorch's `l1_loss`.
    public func meanAbsoluteError(_ target: Variable) -> Variable { (self - target).absolute().mean() }

    /// The mean of d²/2 where |d| = |x − target| is below `delta`, and of δ (|d| − δ/2) elsewhere: PyTorch's `huber_loss`.
    public func huberError(_ target: Variable, delta: Float = 1) -> Variable {
        let distance = (self - target).absolute()
        let isLarge = distance.value .>= Tensor(delta)
        return (distance.squared() * 0.5).replacing(with: (distance - delta / 2) * delta, where: isLarge).mean()
    }

    /// The mean of −y ln p − (1 − y) ln(1 − p) with p = sigmoid(x): PyTorch's `binary_cross_entropy_with_logits`.
    ///
    /// - Parameter target: y, between 0 and 1, of this variable's shape.
    public func binaryCrossEntropy(withLogitsFor target: Tensor) -> Variable {
        (softplus() - self * Variable(target)).mean()
    }
}
