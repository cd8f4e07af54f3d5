import Foundation
import Tensor

/// What was measured on a set of pictures, and all that must be known to compare the numbers with others.
public struct EvaluationReport: Codable, Sendable {
    /// One number.
    public struct Measurement: Codable, Sendable, Equatable {
        /// What was measured.
        public let metric: String
        /// The number.
        public let value: Double
        /// Its spread over subsets, for metrics that have one.
        public var deviation: Double?
        /// The network and, where they matter, its settings.
        public let network: String
        /// How pictures were resized for it.
        public let preparation: String
        /// How many pictures were judged.
        public let count: Int
        /// How many pictures they were compared with; nil where there were none or their number is not known.
        public var referenceCount: Int?
    }

    /// The folder of the pictures that are judged.
    public let pictures: String
    /// The folder or the file of statistics that they are compared with.
    public let reference: String?
    /// The side to which the middle square of every picture was brought first, in pixels.
    public let croppedSize: Int?
    /// The group, such as "an animal", of which pictures and reference alone are measured; nil for all.
    public let group: String?
    /// The numbers, in the order in which they were asked for.
    public private(set) var measurements: [Measurement] = []
    /// What keeps the numbers from being compared, or from meaning anything.
    public private(set) var warnings: [String] = []

    /// A report without numbers.
    ///
    /// - Parameters:
    ///   - pictures: the folder of the pictures that are judged.
    ///   - reference: the folder, or the file of statistics, that they are compared with.
    ///   - croppedSize: the side to which the middle square of every picture was brought first, in pixels.
    ///   - group: of which pictures and reference alone are measured.
    public init(
        of pictures: URL, against reference: URL? = nil, croppedTo croppedSize: Int? = nil, group: String? = nil
    ) {
        (self.pictures, self.reference, self.croppedSize) = (pictures.path, reference?.path, croppedSize)
        self.group = group
    }

    /// The number of a metric; nil where it was not measured.
    public subscript(metric: String) -> Measurement? { measurements.first { $0.metric == metric } }

    /// Adds a number, and a warning when it is from fewer than `sufficientCount` pictures on either side.
    mutating func add(_ measurement: Measurement, sufficientCount: Int) {
        measurements.append(measurement)
        let fewest = min(measurement.count, measurement.referenceCount ?? measurement.count)
        if fewest < sufficientCount {
            warn("\(measurement.metric): says little below \(sufficientCount) pictures")
        }
    }

    /// Adds a warning that is not there yet.
    mutating func warn(_ text: String) {
        if !warnings.contains(text) { warnings.append(text) }
    }

    /// Writes the report as JSON. Throws `FileError`, also for a number that is not finite.
    public func save(to url: URL) throws { try DurableFile.writeJSON(self, to: url) }
}

extension EvaluationReport: CustomStringConvertible {
    /// A table with a row a number, and the warnings below.
    public var description: String {
        var lines = ["pictures   \(pictures)"]
        if let reference { lines.append("reference  \(reference)") }
        if let group { lines.append("group      \(group)") }
        if let croppedSize {
            lines.append("cropped    to the middle square, \(croppedSize) × \(croppedSize) by Lanczos in 8 bits")
        }
        lines.append("")
        let rows = [["metric", "value", "pictures", "reference", "network", "resizing"]] + measurements.map(Self.cells)
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let padded = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            lines.append(padded.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
        }
        lines += warnings.map { "warning: \($0)" }
        return lines.joined(separator: "\n")
    }

    private static func cells(_ measurement: Measurement) -> [String] {
        var value = String(format: "%.4g", measurement.value)
        if let deviation = measurement.deviation { value += String(format: " ± %.2g", deviation) }
        return [
            measurement.metric, value, "\(measurement.count)", measurement.referenceCount.map { "\($0)" } ?? "–",
            measurement.network, measurement.preparation,
        ]
    }
}
