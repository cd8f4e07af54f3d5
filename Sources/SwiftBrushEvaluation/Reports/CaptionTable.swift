import Foundation
import Tensor

/// The metrics of several folders by caption, in a Markdown table with the means over captions.
public struct CaptionTable: Codable, Sendable {
    /// A folder's metrics.
    public struct Row: Codable, Sendable {
        /// The folder's name in the table.
        public let name: String
        /// The metrics of each caption.
        public let captions: [CaptionMetrics]

        /// The mean over the captions that have the value; nil if none has.
        public func mean(_ value: (CaptionMetrics) -> Double?) -> Double? {
            let values = captions.compactMap(value)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
    }

    /// The rows, in the order in which they were added.
    public private(set) var rows: [Row] = []

    /// Creates an empty table.
    public init() {}

    /// Adds a row.
    public mutating func add(_ captions: [CaptionMetrics], named name: String) {
        rows.append(Row(name: name, captions: captions))
    }

    /// Writes the metrics as JSON. Throws `FileError`, also for a number that is not finite.
    public func save(to url: URL) throws { try DurableFile.writeJSON(self, to: url) }

    private static let columns: [(name: String, format: String, value: @Sendable (CaptionMetrics) -> Double?)] = [
        ("Fréchet distance", "%.2f", { $0.frechetDistance }), ("precision", "%.3f", { $0.precision }),
        ("recall", "%.3f", { $0.recall }), ("density", "%.3f", { $0.density }), ("coverage", "%.3f", { $0.coverage }),
        ("alignment", "%.3f", { $0.alignment }),
        (
            "mode entropy ÷ reference's", "%.3f",
            { $0.referenceModeEntropy > 0 ? $0.modeEntropy / $0.referenceModeEntropy : nil }
        ),
        ("sharpness ÷ reference's", "%.3f", { $0.sharpness / max($0.referenceSharpness, 1e-12) }),
        (
            "nearest training image ÷ held-out images'", "%.3f",
            { metrics in metrics.referenceNearest.map { metrics.nearest / max($0, 1e-12) } }
        ),
    ]
}

extension CaptionTable: CustomStringConvertible {
    /// Markdown: one row per folder with the means over its captions, and how many of them have a metric that not all have.
    public var description: String {
        var lines = [["images"] + Self.columns.map(\.name) + ["captions", "images each", "reference images each"]]
        lines.append(lines[0].map { _ in "---" })
        for row in rows {
            let means = Self.columns.map { column in
                row.mean(column.value).map { String(format: column.format, $0) } ?? "–"
            }
            let counts = [row.mean { Double($0.count) }, row.mean { Double($0.referenceCount) }]
            lines.append(
                [row.name] + means + ["\(row.captions.count)"] + counts.map { String(format: "%.0f", $0 ?? 0) })
        }
        return (lines.map { "| \($0.joined(separator: " | ")) |" } + partialMeans).joined(separator: "\n")
    }

    /// A line for the metrics of each row that only some of its captions have.
    private var partialMeans: [String] {
        let lines = rows.flatMap { row in
            let counts = Self.columns.map { column in
                (name: column.name, count: row.captions.count { column.value($0) != nil })
            }
            let partial = counts.filter { $0.count > 0 && $0.count < row.captions.count }
            return Dictionary(grouping: partial, by: \.count).sorted { $0.key < $1.key }.map { count, columns in
                "- \(row.name): \(count) of \(row.captions.count) captions have \(columns.map(\.name).joined(separator: ", "))"
            }
        }
        return lines.isEmpty ? [] : [""] + lines
    }
}
