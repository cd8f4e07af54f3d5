/// What is wrong with the pictures or the settings of a training.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A folder of captioned pictures has something else than what is expected; `line` is of `metadata.jsonl`, from 1.
    case data(path: String, line: Int? = nil, expected: String, found: String)
    /// A setting is out of range or does not fit the data.
    case invalidSetting(name: String, expected: String, found: String)

    /// One sentence with what was expected and what was found.
    public var description: String {
        switch self {
        case .data(let path, let line, let expected, let found):
            "\(path)\(line.map { ", line \($0)" } ?? ""): expected \(expected), found \(found)"
        case .invalidSetting(let name, let expected, let found):
            "setting \(name): expected \(expected), found \(found)"
        }
    }
}
