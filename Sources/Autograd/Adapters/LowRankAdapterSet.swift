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

    /// An empty set, which the first network made from a scope with it fills; then initialise or load ``parameters``.
    public init(rank: Int, alpha: Float, targets: [String] = ["to_q", "to_v"]) {
        precondition(rank > 0, "LowRankAdapterSet: expected a positive rank, found \(rank)")
        (self.rank, self.alpha, self.targets) = (rank, alpha, targets)
    }

    func linearAdapter(at path: String, inputs: Int, outputs: Int) -> LowRankAdapter? {
        guard isTarget(path) else { return nil }
        let (down, up) = parameters(at: path, down: [rank, inputs], up: [outputs, rank], fanIn: inputs)
        return LowRankAdapter(down: down, up: up, scale: alpha / Float(rank))
    }

    func convolutionAdapter(
        at path: String, inputs: Int, outputs: Int, kernelSize: Int
    ) -> LowRankConvolutionAdapter? {
        guard isTarget(path) else { return nil }
        let (down, up) = parameters(
            at: path, down: [rank, inputs, kernelSize, kernelSize], up: [outputs, rank, 1, 1],
            fanIn: inputs * kernelSize * kernelSize)
        return LowRankConvolutionAdapter(down: down, up: up, scale: alpha / Float(rank))
    }

    private func isTarget(_ path: String) -> Bool {
        targets.contains { path == $0 || path.hasSuffix(".\($0)") }
    }

    private func parameters(
        at path: String, down: [Int], up: [Int], fanIn: Int
    ) -> (down: Parameter, up: Parameter) {
        (
            parameters.parameter("\(path).lora_A.weight", shape: down, initializer: .kaimingUniform(fanIn: fanIn)),
            parameters.parameter("\(path).lora_B.weight", shape: up, initializer: .zeros)
        )
    }
}
