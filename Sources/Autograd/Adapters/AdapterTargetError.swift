/// Adapter targets that cannot be used, all of them.
public struct AdapterTargetError: Error, Equatable, CustomStringConvertible {
    /// A target that fits a part of the network that carries no adapter.
    public struct Unsuitable: Equatable, Sendable {
        /// As it was given.
        public let target: String
        /// The path of a part that it fits: a normalisation, an embedding, or a group of layers.
        public let layer: String
    }

    /// Whether there is no target at all.
    public var isEmpty = false
    /// Targets that fit no layer.
    public var missing: [String] = []
    /// Targets that fit something that is neither a linear layer nor a convolution.
    public var unsuitable: [Unsuitable] = []

    /// A sentence for each kind.
    public var description: String {
        var sentences: [String] = []
        if isEmpty { sentences.append("expected at least one adapter target, found none") }
        if !missing.isEmpty {
            sentences.append(
                "adapter targets \(missing.map { "\"\($0)\"" }.joined(separator: ", ")) not found in the network: expected ends of "
                    + "the paths of its layers, such as \"to_q\"")
        }
        sentences += unsuitable.map {
            "adapter target \"\($0.target)\" fits \"\($0.layer)\", which is neither a linear layer nor a convolution"
        }
        return sentences.joined(separator: "; ")
    }
}
