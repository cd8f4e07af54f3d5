import Tensor

/// One recorded operation, or a leaf.
final class Node {
    let shape: [Int]
    /// The longest path to a leaf: a node comes before everything it was made from.
    let depth: Int
    let isLeaf: Bool
    private var parents: [Node?]
    private var backward: ((Tensor) -> [Tensor?])?
    /// The gradient so far; a leaf keeps it, an operation hands it on.
    var gradient: Tensor?

    init(shape: [Int]) {
        self.shape = shape
        depth = 0
        isLeaf = true
        parents = []
    }

    init(shape: [Int], parents: [Node?], backward: @escaping (Tensor) -> [Tensor?]) {
        self.shape = shape
        depth = 1 + (parents.compactMap { $0?.depth }.max() ?? 0)
        isLeaf = false
        self.parents = parents
        self.backward = backward
    }

    /// A chain of nodes is taken apart one by one: freeing it through nested deinits would overflow the stack.
    deinit {
        var pending = parents.compactMap { $0 }
        parents = []
        backward = nil
        while var node = pending.popLast() {
            guard isKnownUniquelyReferenced(&node) else { continue }
            pending += node.parents.compactMap { $0 }
            node.parents = []
            node.backward = nil
        }
    }

    /// Adds to the gradient in place.
    func accumulate(_ contribution: Tensor) {
        precondition(
            contribution.shape == shape, "backward: expected a gradient of shape \(shape), found \(contribution.shape)")
        guard var sum = gradient.take() else {
            gradient = contribution
            return
        }
        sum += contribution
        gradient = sum
    }

    /// Walks the graph below `self` once, deepest node first, and frees each operation as it is passed. What reaches a leaf
    /// is handed to `deliver`, which adds it to the leaf's gradient unless told otherwise.
    func propagate(_ seed: Tensor, deliver: (_ leaf: Node, Tensor) -> Void = { $0.accumulate($1) }) {
        guard !isLeaf else { return deliver(self, seed) }
        accumulate(seed)
        let order = nodesBelow()
        for node in order where !node.isLeaf {
            guard let outputGradient = node.gradient.take() else { continue }
            guard let rule = node.backward.take() else {
                preconditionFailure("backward: this graph was walked before and its buffers are freed")
            }
            let contributions = rule(outputGradient)
            for (parent, contribution) in zip(node.parents, contributions) {
                guard let parent, let contribution else { continue }
                if parent.isLeaf { deliver(parent, contribution) } else { parent.accumulate(contribution) }
            }
            node.parents = []
        }
    }

    /// The leaves below, in the order they are met.
    var leaves: [Node] { nodesBelow().filter(\.isLeaf) }

    /// The same walk, with the leaves left as they are.
    func leafGradients(from seed: Tensor) -> LeafGradients {
        var gradients = LeafGradients()
        propagate(seed) { gradients.add($1, of: $0) }
        return gradients
    }

    /// This node and all it was made from, deepest first, ties in the order they are met.
    private func nodesBelow() -> [Node] {
        var seen: Set<ObjectIdentifier> = [ObjectIdentifier(self)]
        var found: [Node] = [self]
        var next = 0
        while next < found.count {
            for parent in found[next].parents {
                if let parent, seen.insert(ObjectIdentifier(parent)).inserted { found.append(parent) }
            }
            next += 1
        }
        let order = found.indices.sorted { (found[$1].depth, $0) < (found[$0].depth, $1) }
        return order.map { found[$0] }
    }
}

extension Variable {
    /// Walks back from this variable and adds to the gradient of every trainable leaf.
    ///
    /// - Parameter gradient: the gradient of this variable, of its shape; 1 when left out, which a scalar may do.
    ///
    /// The graph is freed on the way: walking it twice is a programming error.
    public func backward(from gradient: Tensor? = nil) {
        guard let node else { preconditionFailure("backward: nothing upstream of this variable is trainable") }
        precondition(
            gradient != nil || value.count == 1,
            "backward: expected a gradient for a variable of shape \(shape), or a scalar")
        node.propagate(gradient ?? Tensor(repeating: 1, shape: shape))
    }
}
