/// A training that cannot start, continue, or be resumed.
public enum RunError: Error, Equatable, Codable, Sendable, CustomStringConvertible {
    /// A tensor of a step has non-finite values; it has not reached the weights.
    case nonFinite(step: Int, tensor: String, count: Int)
    /// A run's folder or one of its files is missing something, or contains something unexpected.
    case unsuitable(path: String, expected: String, found: String)

    /// One sentence with the expected and the actual value.
    public var description: String {
        switch self {
        case .nonFinite(let step, let tensor, let count):
            "step \(step): \(tensor) has \(count) values that are not finite; the run stops before they reach the weights"
        case .unsuitable(let path, let expected, let found):
            "\(path): expected \(expected), found \(found)"
        }
    }
}
