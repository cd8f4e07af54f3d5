import Tensor

/// Why a distillation cannot start or continue.
public enum DistillationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting is out of range or contradicts another.
    case invalidSetting(name: String, expected: String, found: String)
    /// A value is not finite; it has not reached any weight.
    case nonFinite(step: Int, tensor: String, count: Int)
    /// A run directory lacks something, or already contains something.
    case run(path: String, expected: String, found: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .invalidSetting(let name, let expected, let found):
            "setting \(name): expected \(expected), found \(found)"
        case .nonFinite(let step, let tensor, let count):
            "step \(step): \(tensor) has \(count) values that are not finite; the run stops before they reach the weights"
        case .run(let path, let expected, let found):
            "\(path): expected \(expected), found \(found)"
        }
    }
}

extension DistillationError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        if case .invalidSetting(let name, let expected, let found) = self { (name, expected, found) } else { nil }
    }
}
