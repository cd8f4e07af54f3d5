import Foundation

/// Whole numbers that environment variables set for the process.
package enum EnvironmentSetting {
    /// The value of a variable; nil if it is not set or empty. Another value than a whole number in `range` ends the process with a sentence:
    /// ignoring it would falsify measurements, and there is no caller that could handle an error.
    package static func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = ProcessInfo.processInfo.environment[name], !text.isEmpty else { return nil }
        guard let value = Int(text), range.contains(value) else {
            let limits =
                range.upperBound == .max
                ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            FileHandle.standardError.write(Data("\(name): expected a whole number \(limits); found \"\(text)\"\n".utf8))
            exit(64)
        }
        return value
    }
}
