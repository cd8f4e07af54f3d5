import Tensor

/// What a walk through a graph found for its leaves.
struct LeafGradients {
    private var sums: [ObjectIdentifier: Tensor] = [:]

    mutating func add(_ gradient: Tensor, of leaf: Node) {
        // Taken out, so that it is added to in place.
        guard var sum = sums.removeValue(forKey: ObjectIdentifier(leaf)) else {
            sums[ObjectIdentifier(leaf)] = gradient
            return
        }
        sum += gradient
        sums[ObjectIdentifier(leaf)] = sum
    }

    subscript(leaf: Node) -> Tensor? { sums[ObjectIdentifier(leaf)] }
}
