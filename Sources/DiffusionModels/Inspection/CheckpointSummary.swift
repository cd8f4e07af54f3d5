import Foundation
import Tensor

/// A summary of a file or folder of weights: its kind, contents and problems, in a screen of text.
///
/// Models are described part by part and checked by loading them. For LoRA files and standalone autoencoders the summary includes
/// their use.
public struct CheckpointSummary: CustomStringConvertible {
    /// The lines of the summary, each with a heading, which may be empty.
    public private(set) var lines: [(heading: String, text: String)] = []
    /// The problems that prevent its use, one sentence per problem.
    public private(set) var problems: [String] = []
    /// The maximum number of lines of the description.
    var lineLimit = screen.lines

    /// Summarises a file or folder. Nothing is thrown: errors are added to ``problems``.
    public init(of url: URL) {
        let kind = Self.kind(of: url)
        switch kind {
        case .lora: summarizeAdapter(url)
        case .autoencoder?, .tinyAutoencoder?: summarizeAutoencoder(alone: url)
        case .tinyEncoder?, .textEncoder?, .clip?, .textualInversion?, .latents?, .diffusersDenoiser?:
            if Self.isFolder(url) { summarizeModel(url) } else { summarize(kind ?? .unknown, url) }
        default: summarizeModel(url)
        }
    }

    /// The kind of a path; nil for diffusers folders and unreadable files.
    private static func kind(of url: URL) -> CheckpointKind? {
        let files = FileManager.default
        if files.fileExists(atPath: url.appending(path: DiffusersFolder.indexName).path) { return nil }
        if let kind = CheckpointKind(folder: url) { return kind }
        return (try? SafetensorsFile(contentsOf: url)).map { CheckpointKind(tensors: $0.names) }
    }

    private static func isFolder(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
    }

    mutating func add(_ heading: String, _ text: String) { lines.append((heading: heading, text: text)) }

    /// The result of `body`, or nil after its error has been added to the problems.
    mutating func attempt<Result>(_ body: () throws -> Result) -> Result? {
        do {
            return try body()
        } catch {
            problems.append("\(error)")
            return nil
        }
    }
}

extension CheckpointSummary {
    /// The maximum number of lines, except for LoRA files whose layers have different scales, and of columns of a description.
    static let screen = (lines: 24, columns: 100)

    /// One line per entry, then the problems, in at most 24 lines of 100 columns. Only LoRA files whose layers have different scales take
    /// more lines, and only commands for copying longer ones.
    public var description: String {
        let indent = (lines.map(\.heading.count).max() ?? 0) + 2
        var rows = lines.flatMap { Self.rows($0.heading, $0.text, indent: indent) }
        if problems.isEmpty { rows.append("nothing is wrong with it") }
        for problem in problems { rows += Self.rows("wrong:", problem, indent: "wrong: ".count) }
        let limit = lineLimit
        if rows.count > limit { rows = rows.prefix(limit - 1) + ["… and \(rows.count - limit + 1) more lines"] }
        return rows.joined(separator: "\n")
    }

    /// A heading with text beside it, wrapped between words where possible.
    private static func rows(_ heading: String, _ text: String, indent: Int) -> [String] {
        let width = screen.columns - indent
        var rows: [String] = []
        // A command stays on one line for copying.
        let text = text.replacing(" python -c", with: "\npython -c")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("python -c") {
                rows.append(String(line))
                continue
            }
            var rest = line
            while rest.count > width {
                let end = rest.index(rest.startIndex, offsetBy: width)
                let space = rest[..<end].lastIndex(of: " ").flatMap { rest[..<$0].allSatisfy { $0 == " " } ? nil : $0 }
                rows.append(String(rest[..<(space ?? end)]))
                rest = space.map { rest[rest.index(after: $0)...] } ?? rest[end...]
            }
            rows.append(String(rest))
        }
        return rows.enumerated().map { index, row in
            (index == 0 ? heading : "").padding(toLength: indent, withPad: " ", startingAt: 0) + row
        }
    }
}
