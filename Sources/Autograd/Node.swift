import Tensor

/// One recorded operation, or a leaf. What changes is guarded by a lock, because tasks may share the parameters that leaves belong to.
final class Node: Sendable {
    let shape: [Int]
    /// The length of the longest path to a leaf; greater than that of every parent.
    let depth: Int
    let isLeaf: Bool
    /// The precision of the operation, at which its gradients are computed too.
    private let precision: MatmulPrecision

    private struct State: Sendable {
        var parents: [Node?] = []
        var backward: (@Sendable (Tensor) -> [Tensor?])?
        /// The gradient accumulated so far; a leaf keeps it, an operation passes it on to its parents.
        var gradient: Tensor?
    }
    private let state: Lock<State>

    init(shape: [Int]) {
        (self.shape, depth, isLeaf, precision) = (shape, 0, true, .current)
        state = Lock(State())
    }

    init(shape: [Int], parents: [Node?], backward: @escaping @Sendable (Tensor) -> [Tensor?]) {
        self.shape = shape
        depth = 1 + (parents.compactMap { $0?.depth }.max() ?? 0)
        (isLeaf, precision) = (false, .current)
        state = Lock(State(parents: parents, backward: backward))
    }

    var gradient: Tensor? {
        get { state.withLock { $0.gradient } }
        set { state.withLock { $0.gradient = newValue } }
    }

    private var parents: [Node?] { state.withLock { $0.parents } }

    /// Frees a chain of nodes iteratively: nested deinits would overflow the stack.
    deinit {
        var pending = takeParents()
        while var node = pending.popLast() {
            guard isKnownUniquelyReferenced(&node) else { continue }
            pending += node.takeParents()
        }
    }

    /// Releases the backward rule and returns the parents, which the node no longer refers to.
    private func takeParents() -> [Node] {
        let (parents, rule) = state.withLock { state in
            defer { (state.parents, state.backward) = ([], nil) }
            return (state.parents, state.backward)
        }
        _ = rule
        return parents.compactMap { $0 }
    }

    /// Adds to the gradient in place.
    func accumulate(_ contribution: Tensor) {
        require(
            contribution.shape == shape, "backward: expected a gradient of shape \(shape), found \(contribution.shape)")
        state.withLock { state in
            guard var sum = state.gradient.take() else {
                state.gradient = contribution
                return
            }
            sum += contribution
            state.gradient = sum
        }
    }

    /// Propagates `seed` through the graph below `self`, deepest node first, and frees each operation on the way. Gradients that
    /// reach a leaf go to `deliver`, which by default adds them to the leaf's gradient. `complete` is called for a leaf that nothing
    /// further will reach.
    func propagate(
        _ seed: Tensor, deliver: (_ leaf: Node, Tensor) -> Void = { $0.accumulate($1) },
        complete: (_ leaf: Node) -> Void = { _ in }
    ) {
        guard !isLeaf else {
            deliver(self, seed)
            complete(self)
            return
        }
        accumulate(seed)
        let order = nodesBelow()
        var missing: [ObjectIdentifier: Int] = [:]
        for node in order {
            for case let parent? in node.parents where parent.isLeaf {
                missing[ObjectIdentifier(parent), default: 0] += 1
            }
        }
        for node in order where !node.isLeaf {
            let parents = node.parents
            node.propagateToParents(deliver)
            for case let parent? in parents where parent.isLeaf {
                missing[ObjectIdentifier(parent), default: 0] -= 1
                if missing[ObjectIdentifier(parent)] == 0 { complete(parent) }
            }
        }
    }

    /// Propagates the gradient of an operation, if it has one, to its parents, and frees it.
    private func propagateToParents(_ deliver: (_ leaf: Node, Tensor) -> Void) {
        let (outputGradient, rule) = state.withLock { state in
            state.gradient == nil ? (nil, nil) : (state.gradient.take(), state.backward.take())
        }
        guard let outputGradient else { return }
        guard let rule else {
            fatalError("backward: this graph's backward pass has already run and its buffers are freed")
        }
        let contributions = precision.within { rule(outputGradient) }
        for (parent, contribution) in zip(parents, contributions) {
            guard let parent, let contribution else { continue }
            if parent.isLeaf { deliver(parent, contribution) } else { parent.accumulate(contribution) }
        }
        _ = takeParents()
    }

    /// The leaves of the graph below `self`, in traversal order.
    var leaves: [Node] { nodesBelow().filter(\.isLeaf) }

    /// The gradients of the leaves, returned without changing the leaves.
    func leafGradients(from seed: Tensor) -> LeafGradients {
        var gradients = LeafGradients()
        propagate(seed) { gradients.add($1, of: $0) }
        return gradients
    }

    /// This node and all its ancestors in the computation, deepest first, ties in traversal order.
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
    /// Runs the backward pass from this variable and adds to the gradient of every trainable leaf.
    ///
    /// - Parameter gradient: the gradient of this variable, of its shape; may be omitted for a scalar and is then 1.
    ///
    /// The graph is freed on the way: running its backward pass twice is a programming error.
    public func backward(from gradient: Tensor? = nil) {
        guard let node else { fatalError("backward: nothing upstream of this variable is trainable") }
        require(
            gradient != nil || value.count == 1,
            "backward: expected a gradient for a variable of shape \(shape), or a scalar")
        node.propagate(gradient ?? Tensor(repeating: 1, shape: shape))
    }
    /// Runs the backward pass as ``backward(from:)`` does, and reports each of some parameters as soon as its gradient is complete.
    ///
    /// - Parameters:
    ///   - gradient: the gradient of this variable.
    ///   - parameters: trainable parameters.
    ///   - complete: called with an index in `parameters`; not for a parameter on which this variable does not depend.
    package func backward(from gradient: Tensor, of parameters: [Parameter], complete: (Int) -> Void) {
        guard let node else { fatalError("backward: nothing upstream of this variable is trainable") }
        let indices = Dictionary(
            parameters.enumerated().compactMap { index, parameter in
                parameter.variable.node.map { (ObjectIdentifier($0), index) }
            }, uniquingKeysWith: { first, _ in first })
        node.propagate(
            gradient, complete: { leaf in if let index = indices[ObjectIdentifier(leaf)] { complete(index) } })
    }
}
