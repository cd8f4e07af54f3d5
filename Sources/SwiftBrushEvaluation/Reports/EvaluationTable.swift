import Foundation
import Tensor

/// Reports of several folders against one reference, with one row per report.
public struct EvaluationTable: Codable, Sendable {
    /// The report of a folder, or of one group of its pictures.
    public struct Row: Codable, Sendable {
        /// The folder's name in the table.
        public let name: String
        /// The folder's report.
        public let report: EvaluationReport
    }

    /// The rows, in the order in which they were added.
    public private(set) var rows: [Row] = []

    /// Creates an empty table.
    public init() {}

    /// Adds a row.
    public mutating func add(_ report: EvaluationReport, named name: String) {
        rows.append(Row(name: name, report: report))
    }

    /// Writes the reports as JSON. Throws `FileError`, also for a number that is not finite.
    public func save(to url: URL) throws { try DurableFile.writeJSON(self, to: url) }

    /// Names for folders: the shortest ends of their paths that distinguish them.
    public static func names(of folders: [URL]) -> [String] {
        let paths = folders.map { Array($0.standardizedFileURL.pathComponents.dropFirst()) }
        let longest = paths.map(\.count).max() ?? 1
        for length in 1..<max(longest, 2) {
            let names = paths.map { $0.suffix(length).joined(separator: "/") }
            if Set(names).count == names.count { return names }
        }
        return paths.map { $0.joined(separator: "/") }
    }
}

extension EvaluationTable: CustomStringConvertible {
    /// Markdown: the table, with the mean over groups if there are any, then the reference, the networks and the resizing, and the
    /// warnings.
    public var description: String {
        let isGrouped = rows.contains { $0.report.group != nil }
        // Metrics of the reference alone are columns only if the rows have different references.
        let columns = metrics.filter { isGrouped || !EvaluationReport.referenceMetrics.contains($0) }
        var lines = [["pictures"] + (isGrouped ? ["group"] : []) + columns + ["count", "reference count"]]
        lines.append(lines[0].map { _ in "---" })
        for name in names {
            let own = rows.filter { $0.name == name }
            for row in own {
                lines.append(
                    [name] + (isGrouped ? [row.report.group ?? "all"] : []) + columns.map(row.report.cell)
                        + counts(row.report))
            }
            if isGrouped, own.count > 1 {
                let means = columns.map { metric in
                    let values = own.compactMap { $0.report[metric]?.value }
                    return String(format: "%.4g", values.reduce(0, +) / Double(values.count))
                }
                lines.append([name, "mean"] + means + ["", ""])
            }
        }
        return (lines.map { "| \($0.joined(separator: " | ")) |" } + [""] + notes(isGrouped)).joined(separator: "\n")
    }

    private var names: [String] { unique(rows.map(\.name)) }
    private var metrics: [String] { unique(rows.flatMap { $0.report.measurements.map(\.metric) }) }

    private func counts(_ report: EvaluationReport) -> [String] {
        let own = report.measurements.filter { !EvaluationReport.referenceMetrics.contains($0.metric) }
        let reference = own.compactMap(\.referenceCount).max()
        return ["\(own.map(\.count).max() ?? 0)", reference.map { "\($0)" } ?? "–"]
    }

    private func notes(_ isGrouped: Bool) -> [String] {
        var notes = unique(rows.compactMap(\.report.reference)).map { "reference: \($0)" }
        if let report = rows.first?.report, !isGrouped {
            notes += EvaluationReport.referenceMetrics.compactMap { metric in
                report[metric].map { "\(metric): \(report.cell(metric)), from \($0.count) pictures" }
            }
        }
        let measurements = rows.flatMap(\.report.measurements)
        for origin in unique(measurements.map { "\($0.network), \($0.preparation)" }) {
            let own = unique(measurements.filter { "\($0.network), \($0.preparation)" == origin }.map(\.metric))
            notes.append("\(own.joined(separator: ", ")): \(origin)")
        }
        notes += unique(rows.compactMap(\.report.croppedSize)).map { "cropped to the centre square: \($0) × \($0)" }
        let unequal = unique(rows.map(\.report.group)).contains { group in
            Set(rows.filter { $0.report.group == group }.map { counts($0.report) }).count > 1
        }
        let warnings =
            unique(rows.flatMap(\.report.warnings)) + (unequal ? ["rows with different counts cannot be compared"] : [])
        return notes.map { "- \($0)" } + warnings.map { "- warning: \($0)" }
    }

    /// The values without duplicates, in order.
    private func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return values.filter { seen.insert($0).inserted }
    }
}

extension EvaluationReport {
    fileprivate func cell(_ metric: String) -> String {
        guard let measurement = self[metric] else { return "–" }
        return String(format: "%.4g", measurement.value)
    }
}
