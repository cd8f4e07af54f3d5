import Tensor

/// The low-rank adapters of one network, stored separately from its weights, so that the network with and without adapters shares
/// one copy of them.
public final class LowRankAdapterSet: Sendable {
    /// The rank of every adapter.
    public let rank: Int
    /// LoRA's alpha, scale times rank, as in PEFT.
    public let alpha: Float
    /// The linear layers and convolutions that get an adapter, as suffixes of their paths such as `to_q`.
    public let targets: [String]
    /// A and B of every adapted layer, named `<layer>.lora_A.weight` and `<layer>.lora_B.weight`.
    public let parameters: ParameterSet
    /// All layers that could carry an adapter, targets or not.
    private let candidates = Lock(Set<String>())

    /// An empty set. The first network made from a scope with this set declares its adapters; then initialise or load ``parameters``.
    ///
    /// Throws ``AutogradError`` for a rank outside 1 to 65536 or an alpha that is not finite.
    public init(rank: Int, alpha: Float, targets: [String] = ["to_q", "to_v"]) throws(AutogradError) {
        try AutogradError.check(
            (1...65_536).contains(rank), "LowRankAdapterSet", "rank", expected: "1 to 65536", found: rank)
        try AutogradError.check(
            alpha.isFinite, "LowRankAdapterSet", "alpha", expected: "a finite number", found: alpha)
        (self.rank, self.alpha, self.targets, parameters) = (rank, alpha, targets, ParameterSet())
    }

    private init(_ other: LowRankAdapterSet, parameters: ParameterSet) {
        (rank, alpha, targets, self.parameters) = (other.rank, other.alpha, other.targets, parameters)
    }

    /// Adapters of the same layers with the same values, of which changes of one do not reach the other.
    public func copy(trainable: Bool) -> LowRankAdapterSet {
        LowRankAdapterSet(self, parameters: parameters.copy(trainable: trainable))
    }

    /// The adapter of the layer at `path` whose weight has this shape, nil when the layer is not a target.
    func adapter(at path: String, weightShape: [Int]) -> LowRankAdapter? {
        candidates.withLock { _ = $0.insert(path) }
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

    /// Checks that every target matches layers of the network, which was made from a scope with this set.
    ///
    /// - Parameter network: all parameters of the network.
    ///
    /// Throws ``AdapterTargetError`` when there are no targets, or with all targets that match no layer or a module without adapters.
    public func checkTargets(in network: ParameterSet) throws {
        var modules: Set<String> = []
        for path in network.paths {
            var module = path[...]
            while let dot = module.lastIndex(of: ".") {
                module = module[..<dot]
                // Its ancestors were inserted together with it.
                guard modules.insert(String(module)).inserted else { break }
            }
        }
        let candidates = candidates.withLock { $0 }
        var error = AdapterTargetError(isEmpty: targets.isEmpty)
        for target in targets {
            if let other = modules.subtracting(candidates).filter({ Self.isMatch(target, $0) }).min() {
                error.unsuitable.append(.init(target: target, layer: other))
            } else if !candidates.contains(where: { Self.isMatch(target, $0) }) {
                error.missing.append(target)
            }
        }
        if error != AdapterTargetError() { throw error }
    }
}
