import Foundation

/// Text files with a prompt a line.
public enum PromptFile {
    /// The prompts, without empty lines and without blanks around them.
    ///
    /// Throws ``ModelError`` when there is none or the file cannot be read as UTF-8.
    public static func read(_ url: URL) throws -> [String] {
        let data = try ModelError.reading(url, purpose: "a text file with a prompt a line")
        guard let text = String(data: data, encoding: .utf8) else {
            throw ModelError.unreadableFile(path: url.path, reason: "expected UTF-8 text with a prompt a line")
        }
        let prompts = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        guard !prompts.isEmpty else {
            throw ModelError.unreadableFile(path: url.path, reason: "expected a prompt a line, found no prompts")
        }
        return prompts
    }
}
