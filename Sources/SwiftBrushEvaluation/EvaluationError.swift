import Tensor

/// An error in an evaluation.
public enum EvaluationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Features are not suitable for the metric.
    case unsuitableFeatures(metric: String, expected: String, found: String)
    /// A file or folder is missing or malformed.
    case unreadable(path: String, reason: String)
    /// A file could not be written.
    case unwritable(path: String, reason: String)
    /// A well-formed file or folder does not contain what is needed.
    case unsuitableContents(path: String, expected: String, found: String)
    /// A setting is out of range or contradicts another.
    case invalidSetting(name: String, expected: String, found: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .unsuitableFeatures(let metric, let expected, let found):
            "\(metric): expected \(expected), found \(found)"
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
        case .unsuitableContents(let path, let expected, let found): "\(path): expected \(expected), found \(found)"
        case .invalidSetting(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
        }
    }
}

extension EvaluationError: SettingError {
    package var setting: (name: String, expected: String, found: String)? {
        if case .invalidSetting(let name, let expected, let found) = self { (name, expected, found) } else { nil }
    }
}
