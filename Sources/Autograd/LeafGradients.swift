import Tensor

/// The gradients of a graph's leaves that a backward pass computed.
struct LeafGradients {
    private var sums: [ObjectIdentifier: Tensor] = [:]

    mutating func add(_ gradient: Tensor, of leaf: Node) {
        // Removed from the dictionary, so that the addition happens in place.
        guard var sum = sums.removeValue(forKey: ObjectIdentifier(leaf)) else {
            sums[ObjectIdentifier(leaf)] = gradient
            return
        }
        sum += gradient
        sums[ObjectIdentifier(leaf)] = sum
    }

    subscript(leaf: Node) -> Tensor? { sums[ObjectIdentifier(leaf)] }
}
