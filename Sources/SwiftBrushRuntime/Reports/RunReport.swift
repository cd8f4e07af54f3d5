import Foundation
import Tensor

/// A report of a run as a self-contained HTML page: its settings, curves of all its metrics, and its sample grids.
///
/// It shows every `.jsonl` file in the run's folder, and the runs in its subfolders.
public struct RunReport: Sendable {
    /// The HTML page.
    public let html: String

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
            let charts = metrics.fields.map { field in
                let name = MetricName(field: field.name)
                return LineChart(
                    title: name.title,
                    unit: ([field.name] + [name.unit].filter { !$0.isEmpty }).joined(separator: " · "),
                    healthy: name.healthy, curves: field.curves
                ).svg
            }
            parts.append("<div class=\"charts\">\n\(charts.joined(separator: "\n"))\n</div>")
        }
        parts += try SampleGrids(in: folder).elements()
        if let settings = try? String(contentsOf: folder.appending(path: "configuration.json"), encoding: .utf8) {
            parts.append("<details><summary>Settings</summary><pre>\(settings.escapedForHTML)</pre></details>")
        }
        return "<h2>\(name.escapedForHTML), \(step) steps</h2>\n" + parts.joined(separator: "\n")
    }

    private static func page(title: String, body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>\(title.escapedForHTML)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        :root {
          color-scheme: light dark;
          --ground: #fdfcfa; --panel: #ffffff; --text: #22211f; --quiet: #6b6862; --line: #ddd9d1;
          --curve-1: #1769aa; --curve-2: #b3261e; --curve-3: #2e7d32; --curve-4: #7b3fa0; --curve-5: #b45f06; --curve-6: #00798c;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #191817; --panel: #232220; --text: #edebe7; --quiet: #a5a19a; --line: #3b3936;
            --curve-1: #7cb7ef; --curve-2: #ff8a80; --curve-3: #86cf8a; --curve-4: #cba1e8; --curve-5: #f2b36b; --curve-6: #6fd0dd;
          }
        }
        body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1000px; padding: 0 1em; background: var(--ground); color: var(--text); }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 12px; margin-bottom: 12px; }
        svg { background: var(--panel); border: 1px solid var(--line); border-radius: .75rem; width: 100%; }
        .title { font: 600 13px system-ui, sans-serif; fill: var(--text); }
        .tick, .axis { font: 11px system-ui, sans-serif; }
        .tick, .axis:not([fill]) { fill: var(--quiet); }
        .grid { stroke: var(--line); }
        .band { fill: var(--curve-3); opacity: .12; }
        .range { opacity: .15; }
        .raw, .smooth { fill: none; }
        .raw { opacity: .4; }
        .smooth { stroke-width: 1.75; }
        img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
        figure { margin: 1em 0; }
        figcaption { color: var(--quiet); }
        summary { cursor: pointer; }
        pre { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: 1em; overflow: auto; }
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
