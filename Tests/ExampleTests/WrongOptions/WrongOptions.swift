import Testing

/// A command line that must be refused, and the message.
struct WrongOptions: CustomTestStringConvertible {
    let example: Example
    let arguments: [String]
    /// The message in one line.
    let message: String

    var testDescription: String { "\(example.rawValue) \(arguments.joined(separator: " "))" }

    /// The rows of a table, one in each line: the arguments after those that all rows have in common, separated by spaces; an arrow;
    /// the message.
    static func table(_ example: Example, _ common: String, _ rows: String) -> [WrongOptions] {
        rows.split(separator: "\n").map { row in
            let parts = row.split(separator: "→", maxSplits: 1, omittingEmptySubsequences: false)
            let arguments = (common.split(separator: " ") + parts[0].split(separator: " ")).map(String.init)
            return WrongOptions(example: example, arguments: arguments, message: String(parts[1].dropFirst()))
        }
    }
}
