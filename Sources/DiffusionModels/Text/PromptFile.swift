import Foundation

/// Text files with one prompt per line.
public enum PromptFile {
    /// The prompts of a file, without empty lines and surrounding blanks.
    ///
    /// Throws ``ModelError`` when there are no prompts or the file cannot be read as UTF-8.
    public static func read(_ url: URL) throws -> [String] {
        let data = try ModelError.reading(url, purpose: "a text file with one prompt per line")
        guard let text = String(data: data, encoding: .utf8) else {
            throw ModelError.unreadableFile(path: url.path, reason: "expected UTF-8 text with one prompt per line")
        }
        let prompts = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        guard !prompts.isEmpty else {
            throw ModelError.unreadableFile(path: url.path, reason: "expected one prompt per line, found no prompts")
        }
        return prompts
    }
}
