import Tensor

/// The low-rank adapters of one network, kept apart from its weights: one copy of the big weights serves the network with
/// and without them.
public final class LowRankAdapterSet {
    /// The inner width of every adapter.
    public let rank: Int
    /// The scale times the rank, in PEFT's convention.
    public let alpha: Float
    /// Which linear layers and convolutions get an adapter: the ends of their paths, such as `to_q`.
    public let targets: [String]
    /// A and B of every adapted layer, named `<layer>.lora_A.weight` and `<layer>.lora_B.weight`.
    public let parameters = ParameterSet()
    /// The layers that could carry an adapter, whether or not they are targets.
    private var candidates: Set<String> = []

    /// An empty set, which the first network made from a scope with it fills; then initialise or load ``parameters``.
    public init(rank: Int, alpha: Float, targets: [String] = ["to_q", "to_v"]) {
        precondition(rank > 0, "LowRankAdapterSet: expected a positive rank, found \(rank)")
        (self.rank, self.alpha, self.targets) = (rank, alpha, targets)
    }

    /// The adapter of the layer at `path` whose weight has this shape, nil when the layer is no target.
    func adapter(at path: String, weightShape: [Int]) -> LowRankAdapter? {
        candidates.insert(path)
        guard targets.contains(where: { Self.isMatch($0, path) }) else { return nil }
        let kernel = Array(weightShape.dropFirst())
        let down = parameters.parameter(
            "\(path).lora_A.weight", shape: [rank] + kernel, initializer: .kaimingUniform(fanIn: kernel.reduce(1, *)))
        let up = parameters.parameter(
            "\(path).lora_B.weight", shape: [weightShape[0], rank] + kernel.dropFirst().map { _ in 1 },
            initializer: .zeros)
        return LowRankAdapter(down: down, up: up, scale: alpha / Float(rank))
    }

    private static func isMatch(_ target: String, _ path: String) -> Bool {
        path == target || path.hasSuffix(".\(target)")
    }

    /// Checks the targets against the network that was made from a scope with this set.
    ///
    /// - Parameter network: all of its parameters.
    ///
    /// Throws ``AdapterTargetError`` when there is no target, and with every target that fits no layer or one that carries no adapter.
    public func checkTargets(in network: ParameterSet) throws {
        var places: Set<String> = []
        for path in network.paths {
            var place = path[...]
            while let dot = place.lastIndex(of: ".") {
                place = place[..<dot]
                // The places above were inserted with this one.
                guard places.insert(String(place)).inserted else { break }
            }
        }
        var error = AdapterTargetError(isEmpty: targets.isEmpty)
        for target in targets {
            if let other = places.subtracting(candidates).filter({ Self.isMatch(target, $0) }).min() {
                error.unsuitable.append(.init(target: target, layer: other))
            } else if !candidates.contains(where: { Self.isMatch(target, $0) }) {
                error.missing.append(target)
            }
        }
        if error != AdapterTargetError() { throw error }
    }
}
