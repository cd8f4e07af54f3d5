import Foundation
import Tensor

/// A report of a run as a self-contained HTML page: its settings, curves of all its metrics, and its sample grids.
///
/// It shows every `.jsonl` file in the run's folder, and the runs in its subfolders.
public struct RunReport: Sendable {
    /// The HTML page.
    public let html: String

    /// The maximum number of sample grids: the last one, and others evenly spaced before it.
    private static let sheetLimit = 12

    /// Reads a run's folder.
    ///
    /// Throws ``RunError/unsuitable(path:expected:found:)`` when there are no metrics in it.
    public init(of folder: URL) throws {
        guard FileManager.default.fileExists(atPath: folder.appending(path: "metrics.jsonl").path) else {
            throw RunError.unsuitable(path: folder.path, expected: "a run with metrics.jsonl", found: "none")
        }
        let name = folder.lastPathComponent
        let inner = Self.names(in: folder).map { folder.appending(path: $0) }
            .filter { FileManager.default.fileExists(atPath: $0.appending(path: "metrics.jsonl").path) }
        let sections = [folder] + inner
        let body = try sections.map { try Self.section($0, name: $0 == folder ? name : $0.lastPathComponent) }
        html = Self.page(title: name, body: body.joined(separator: "\n"))
    }

    /// Writes the page atomically. Throws `FileError`.
    public func write(to file: URL) throws {
        try DurableFile.write(Data(html.utf8), to: file)
    }

    private static func names(in folder: URL) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []
    }

    private static func section(_ folder: URL, name: String) throws -> String {
        var parts: [String] = []
        var step = 0
        for file in names(in: folder) where file.hasSuffix(".jsonl") {
            let metrics = RunMetrics(contentsOf: folder.appending(path: file))
            step = max(step, metrics.lastStep)
            let charts = metrics.fields.map { LineChart(title: $0.name, curves: $0.curves).svg }
            parts.append("<div class=\"charts\">\n\(charts.joined(separator: "\n"))\n</div>")
        }
        parts += try sheets(in: folder.appending(path: "sheets"))
        if let settings = try? String(contentsOf: folder.appending(path: "configuration.json"), encoding: .utf8) {
            parts.append("<details><summary>Settings</summary><pre>\(settings.escapedForHTML)</pre></details>")
        }
        return "<h2>\(name.escapedForHTML), \(step) steps</h2>\n" + parts.joined(separator: "\n")
    }

    /// The last sample grid, and earlier ones, which are collapsed.
    private static func sheets(in folder: URL) throws -> [String] {
        let all = names(in: folder).filter { $0.hasSuffix(".png") }
        let count = min(sheetLimit, all.count)
        let shown = (0..<count).map { all[all.count - 1 - $0 * all.count / count] }
        return try shown.enumerated().map { index, name in
            let data = try FileContents.read(folder.appending(path: name)).base64EncodedString()
            let title = name.replacingOccurrences(of: ".png", with: "").escapedForHTML
            let picture = "<img alt=\"sample grid of \(title)\" src=\"data:image/png;base64,\(data)\">"
            if index == 0 { return "<figure>\(picture)<figcaption>\(title)</figcaption></figure>" }
            return "<details><summary>\(title)</summary>\(picture)</details>"
        }
    }

    private static func page(title: String, body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>\(title.escapedForHTML)</title>
        <style>
        body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 1000px; padding: 0 1em; color: #222; }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 12px; margin-bottom: 12px; }
        svg { border: 1px solid #ddd; border-radius: 4px; width: 100%; }
        .title { font: 600 13px system-ui, sans-serif; }
        .tick { font: 11px system-ui, sans-serif; }
        .grid { stroke: #e4e4e4; }
        img { width: min(100%, 800px); image-rendering: pixelated; border: 1px solid #ddd; }
        figure { margin: 1em 0; }
        pre { background: #f6f6f6; padding: 1em; overflow: auto; }
        details { margin: 0.5em 0; }
        </style>
        </head>
        <body>
        \(body)
        </body>
        </html>
        """
    }
}
