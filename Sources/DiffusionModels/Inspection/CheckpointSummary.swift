import Foundation
import Tensor

/// What a file or folder of weights is, what it holds and what is wrong with it, in a screen of text.
///
/// Models are described part by part and checked by loading them; of LoRA files and of autoencoders by themselves it is said
/// what they are for.
public struct CheckpointSummary: CustomStringConvertible {
    /// A heading and what stands under it, a line each.
    public private(set) var lines: [(heading: String, text: String)] = []
    /// What keeps it from being used, a sentence each; empty when nothing does.
    public private(set) var problems: [String] = []
    /// The most lines of the description.
    var lineLimit = screen.lines

    /// Looks at a file or folder. Nothing is thrown: what cannot be read is a problem.
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

    /// What a path is when it is no diffusers folder; nil for those and for what cannot be read.
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

    /// The result, or nil with one problem more.
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
    /// The most lines of a description, but for LoRA whose layers have scales of their own, and the most columns.
    static let screen = (lines: 24, columns: 100)

    /// A line per heading, then the problems; at most 24 lines of 100 columns, and more only for LoRA whose layers have scales of their own
    /// and for a command that is to be copied.
    public var description: String {
        let indent = (lines.map(\.heading.count).max() ?? 0) + 2
        var rows = lines.flatMap { Self.rows($0.heading, $0.text, indent: indent) }
        if problems.isEmpty { rows.append("nothing is wrong with it") }
        for problem in problems { rows += Self.rows("wrong:", problem, indent: "wrong: ".count) }
        let limit = lineLimit
        if rows.count > limit { rows = rows.prefix(limit - 1) + ["… and \(rows.count - limit + 1) lines more"] }
        return rows.joined(separator: "\n")
    }

    /// A heading with text beside it, broken between words where that is possible.
    private static func rows(_ heading: String, _ text: String, indent: Int) -> [String] {
        let width = screen.columns - indent
        var rows: [String] = []
        // A command is to be copied as one line.
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
