/// All adapter targets that cannot be used.
public struct AdapterTargetError: Error, Equatable, CustomStringConvertible {
    /// A target that matches a module which cannot carry an adapter.
    public struct Unsuitable: Equatable, Sendable {
        /// The target, as given.
        public let target: String
        /// The path of the matching module: a normalisation, an embedding, or a group of layers.
        public let layer: String
    }

    /// Whether the list of targets is empty.
    public var isEmpty = false
    /// Targets that match no layer.
    public var missing: [String] = []
    /// Targets that match a module that is neither a linear layer nor a convolution.
    public var unsuitable: [Unsuitable] = []

    /// One sentence per kind of error.
    public var description: String {
        var sentences: [String] = []
        if isEmpty { sentences.append("expected at least one adapter target, found none") }
        if !missing.isEmpty {
            sentences.append(
                "adapter targets \(missing.map { "\"\($0)\"" }.joined(separator: ", ")) not found in the network: expected suffixes "
                    + "of its layers' paths, such as \"to_q\"")
        }
        sentences += unsuitable.map {
            "adapter target \"\($0.target)\" matches \"\($0.layer)\", which is neither a linear layer nor a convolution"
        }
        return sentences.joined(separator: "; ")
    }
}
