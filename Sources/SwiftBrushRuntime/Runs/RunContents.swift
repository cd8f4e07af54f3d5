import Autograd
import Foundation
import Tensor

/// Fingerprints of a training's inputs: a run can be resumed only with the same networks, texts and images, not with others of the
/// same sizes.
public struct RunContents: Codable, Equatable, Sendable {
    private var exact: [String: String] = [:]
    private var computed: [String: TensorFingerprint] = [:]

    /// Embeddings and images agree to about 1e-5 between processors and numbers of threads.
    private static let tolerance = 2e-3

    /// Empty contents.
    public init() {}

    /// Adds texts, which are compared exactly.
    public mutating func add(_ name: String, texts: some Sequence<String>) {
        var checksum = Checksum()
        for text in texts { checksum.combine(text) }
        exact[name] = "\(checksum)"
    }

    /// Adds bytes, which are compared bit for bit.
    public mutating func add(_ name: String, bytes: some Sequence<Data>) {
        var checksum = Checksum()
        for part in bytes { checksum.combine(part) }
        exact[name] = "\(checksum)"
    }

    /// Adds weights as they are stored, which are compared bit for bit.
    public mutating func add(_ name: String, weights: ParameterSet) {
        var checksum = Checksum()
        for parameter in weights.all {
            checksum.combine(parameter.path)
            checksum.combine(parameter.value)
        }
        exact[name] = "\(checksum)"
    }

    /// Adds computed tensors, in which a difference of 0.2 % is detected.
    public mutating func add(_ name: String, computed tensors: [Tensor]) {
        computed[name] = TensorFingerprint(of: tensors)
    }

    /// The names of the contents that differ from those of `other`, sorted.
    func differences(from other: RunContents) -> [String] {
        let names = Set(exact.keys).union(computed.keys).union(other.exact.keys).union(other.computed.keys)
        return names.sorted().filter { name in
            if exact[name] != other.exact[name] { return true }
            guard let own = computed[name], let theirs = other.computed[name] else {
                return (computed[name] == nil) != (other.computed[name] == nil)
            }
            return !own.isClose(to: theirs, within: Self.tolerance)
        }
    }

    /// All names, sorted.
    var names: [String] { (Array(exact.keys) + computed.keys).sorted() }
}
