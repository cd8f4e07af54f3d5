import Tensor

/// An error of a layer's, an optimiser's or an adapter's user: what PyTorch raises as a `ValueError`.
public enum AutogradError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting is out of range.
    case invalidSetting(operation: String, name: String, expected: String, found: String)

    /// Throws unless a setting is valid.
    static func check(
        _ isValid: Bool, _ operation: String, _ name: String, expected: String, found: Any
    ) throws(AutogradError) {
        guard isValid else {
            throw .invalidSetting(operation: operation, name: name, expected: expected, found: "\(found)")
        }
    }

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .invalidSetting(let operation, let name, let expected, let found):
            "\(operation): \(name): expected \(expected), found \(found)"
        }
    }
}

extension AutogradError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        switch self {
        case .invalidSetting(_, let name, let expected, let found): (name, expected, found)
        }
    }
}
