import Tensor

/// A distillation that cannot start. What ends one that has started is a `RunError`.
public enum DistillationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting is out of range or contradicts another.
    case invalidSetting(name: String, expected: String, found: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .invalidSetting(let name, let expected, let found):
            "setting \(name): expected \(expected), found \(found)"
        }
    }
}

extension DistillationError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        switch self {
        case .invalidSetting(let name, let expected, let found): (name, expected, found)
        }
    }
}
