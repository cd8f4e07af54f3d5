import Tensor

extension Variable {
    /// The matrix product of the last two axes, `[…, m, k] · […, k, n] → […, m, n]`; see `Tensor.matmul`.
    public func matmul(
        _ other: Variable, transposingSelf: Bool = false, transposingOther: Bool = false
    ) -> Variable {
        let (a, b) = (value, other.value)
        let result = a.matmul(b, transposingSelf: transposingSelf, transposingOther: transposingOther)
        return Variable.record(result, from: [self, other]) { g, needs in
            var left: Tensor?
            var right: Tensor?
            if needs[0] {
                left =
                    transposingSelf
                    ? b.matmul(g, transposingSelf: transposingOther, transposingOther: true)
                    : g.matmul(b, transposingOther: !transposingOther)
            }
            if needs[1] {
                // A shared right-hand matrix multiplies every row of the left operand: its gradient sums over all of them.
                let isShared = b.rank == 2 && a.rank > 2
                let x = isShared ? a.reshaped(to: [-1, a.shape[a.rank - 1]]) : a
                let dy = isShared ? g.reshaped(to: [-1, g.shape[g.rank - 1]]) : g
                right =
                    transposingOther
                    ? dy.matmul(x, transposingSelf: true, transposingOther: transposingSelf)
                    : x.matmul(dy, transposingSelf: !transposingSelf)
            }
            return [left, right]
        }
    }

    /// x · weightᵀ + bias + addend, `[…, inputs]` → `[…, outputs]`; `weight` is `[outputs, inputs]` as in PyTorch, and `addend`
    /// has the result's shape.
    public func linear(weight: Variable, bias: Variable?, adding addend: Variable? = nil) -> Variable {
        let (x, w) = (value, weight.value)
        let result = x.linear(weight: w, bias: bias?.value, adding: addend?.value)
        return Variable.record(result, from: [self, weight, bias, addend]) { g, needs in
            let dy = g.reshaped(to: [-1, w.shape[0]])
            return [
                needs(0, dy.matmul(w).reshaped(to: x.shape)),
                needs(1, dy.matmul(x.reshaped(to: [-1, w.shape[1]]), transposingSelf: true)),
                needs(2, dy.sum(alongAxes: [0])), needs(3, g),
            ]
        }
    }
}
