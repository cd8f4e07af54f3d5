import Tensor

/// An error in the settings of a training.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A setting is out of range or does not fit the data.
    case invalidSetting(name: String, expected: String, found: String)

    /// Throws unless a setting is valid.
    static func check(_ isValid: Bool, _ name: String, expected: String, found: Any) throws(TrainingError) {
        guard isValid else { throw .invalidSetting(name: name, expected: expected, found: "\(found)") }
    }

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .invalidSetting(let name, let expected, let found):
            "setting \(name): expected \(expected), found \(found)"
        }
    }
}

extension TrainingError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        if case .invalidSetting(let name, let expected, let found) = self { (name, expected, found) } else { nil }
    }
}
