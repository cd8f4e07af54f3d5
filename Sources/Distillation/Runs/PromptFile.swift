import Foundation

/// Text files with a prompt a line.
public enum PromptFile {
    /// The prompts, without empty lines and without blanks around them.
    ///
    /// Throws ``DistillationError/run(path:expected:found:)`` when there is none or the file cannot be read as UTF-8.
    public static func read(_ url: URL) throws -> [String] {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else {
            let isThere = FileManager.default.fileExists(atPath: url.path)
            throw DistillationError.run(
                path: url.path, expected: "a UTF-8 text file with a prompt a line",
                found: isThere ? "something else" : "nothing")
        }
        let prompts = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        guard !prompts.isEmpty else {
            throw DistillationError.run(path: url.path, expected: "a prompt a line", found: "no prompts")
        }
        return prompts
    }
}
