import Tensor

/// Runs `body` without keeping its intermediates and runs it again when gradients are wanted: memory for one block at a
/// time, paid with one more forward pass (arXiv 1604.06174).
///
/// `body` must compute the same values each time it is called with the same inputs.
public func checkpoint(_ inputs: [Variable], _ body: @escaping ([Variable]) -> Variable) -> Variable {
    let output = body(inputs.map { $0.requiresGradient ? .trainable($0.value) : $0 })
    guard output.requiresGradient else { return output.detached() }
    let values = inputs.map(\.value)
    let needs = inputs.map(\.requiresGradient)
    // Parameters used by the body may be all that is trainable: the anchor keeps the rule alive then.
    let anchor = Variable.trainable(Tensor(0))
    return Variable.record(output.value, from: inputs + [anchor]) { outputGradient in
        let leaves = zip(values, needs).map { $1 ? Variable.trainable($0) : Variable($0) }
        body(leaves).backward(from: outputGradient)
        return leaves.map(\.gradient) + [nil]
    }
}
