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

        /// The mean over captions.
        public func mean(_ value: (CaptionMetrics) -> Double) -> Double {
            captions.reduce(0) { $0 + value($1) } / Double(captions.count)
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

    private static let columns: [(name: String, format: String, value: @Sendable (CaptionMetrics) -> Double)] = [
        ("Fréchet distance", "%.2f", { $0.frechetDistance ?? .nan }), ("precision", "%.3f", { $0.precision ?? .nan }),
        ("recall", "%.3f", { $0.recall ?? .nan }), ("density", "%.3f", { $0.density ?? .nan }),
        ("coverage", "%.3f", { $0.coverage ?? .nan }),
        ("alignment", "%.3f", { $0.alignment }),
        ("mode entropy ÷ reference's", "%.3f", { $0.modeEntropy / max($0.referenceModeEntropy, 1e-12) }),
        ("sharpness ÷ reference's", "%.3f", { $0.sharpness / max($0.referenceSharpness, 1e-12) }),
        (
            "nearest training image ÷ held-out images'", "%.3f",
            { metrics in metrics.referenceNearest.map { metrics.nearest / max($0, 1e-12) } ?? .nan }
        ),
    ]
}

extension CaptionTable: CustomStringConvertible {
    /// Markdown: one row per folder with the means over its captions.
    public var description: String {
        var lines = [["images"] + Self.columns.map(\.name) + ["captions", "images each", "reference images each"]]
        lines.append(lines[0].map { _ in "---" })
        for row in rows {
            let means = Self.columns.map { column in
                let mean = row.mean(column.value)
                return mean.isNaN ? "–" : String(format: column.format, mean)
            }
            lines.append(
                [row.name] + means
                    + [
                        "\(row.captions.count)", String(format: "%.0f", row.mean { Double($0.count) }),
                        String(format: "%.0f", row.mean { Double($0.referenceCount) }),
                    ])
        }
        return lines.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
    }
}
