import Tensor

/// Gradient checkpointing (arXiv 1604.06174): runs `body` without keeping its intermediates and runs it again in the backward
/// pass, which saves memory at the cost of one more forward pass.
///
/// `body` must compute the same values each time it is called with the same inputs.
public func recomputed(_ inputs: [Variable], _ body: @escaping @Sendable ([Variable]) -> Variable) -> Variable {
    let values = inputs.map(\.value)
    let needs = inputs.map(\.requiresGradient)
    @Sendable func leaves() -> [Variable] { zip(values, needs).map { $1 ? .trainable($0) : Variable($0) } }
    let first = leaves()
    let output = body(first)
    guard let graph = output.node else { return output }
    let parameters = graph.leaves(besides: first)
    let node = Node(shape: output.shape, parents: inputs.map(\.node) + parameters) { outputGradient in
        let again = leaves()
        let gradients = body(again).node?.leafGradients(from: outputGradient)
        return (again.map(\.node) + parameters).map { leaf in leaf.flatMap { gradients?[$0] } }
    }
    return Variable(output.value, node: node)
}

extension Node {
    /// The leaves of a subgraph other than its inputs, which are the parameters.
    func leaves(besides inputs: [Variable]) -> [Node] {
        let own = Set(inputs.compactMap { $0.node.map(ObjectIdentifier.init) })
        return leaves.filter { !own.contains(ObjectIdentifier($0)) }
    }
}
