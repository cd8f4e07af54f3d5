import Foundation
import Tensor

/// The metrics of a set of pictures, with the settings that are needed to compare them with others.
public struct EvaluationReport: Codable, Sendable {
    /// The value of one metric.
    public struct Measurement: Codable, Sendable, Equatable {
        /// The metric's name.
        public let metric: String
        /// The metric's value.
        public let value: Double
        /// The standard deviation over subsets, for metrics that use them.
        public var deviation: Double?
        /// The network's name and its relevant settings.
        public let network: String
        /// The resizing of pictures for the network.
        public let preparation: String
        /// The number of evaluated pictures.
        public let count: Int
        /// The number of reference pictures; nil if there were none or their number is not known.
        public var referenceCount: Int?
    }

    /// The folder of the evaluated pictures.
    public let pictures: String
    /// The folder of the reference pictures, or the file of their statistics.
    public let reference: String?
    /// The side to which the centre square of every picture was resized first, in pixels.
    public let croppedSize: Int?
    /// The group to which pictures and reference are restricted, such as "an animal"; nil for all.
    public let group: String?
    /// The metrics' values, in the order in which they were computed.
    public private(set) var measurements: [Measurement] = []
    /// Reasons why the values are unreliable or cannot be compared.
    public private(set) var warnings: [String] = []

    /// Creates an empty report.
    ///
    /// - Parameters:
    ///   - pictures: the folder of the evaluated pictures.
    ///   - reference: the folder of the reference pictures, or the file of their statistics.
    ///   - croppedSize: the side to which the centre square of every picture was resized first, in pixels.
    ///   - group: the group to which pictures and reference are restricted.
    public init(
        of pictures: URL, against reference: URL? = nil, croppedTo croppedSize: Int? = nil, group: String? = nil
    ) {
        (self.pictures, self.reference, self.croppedSize) = (pictures.path, reference?.path, croppedSize)
        self.group = group
    }

    /// The measurement of a metric; nil if it was not computed.
    public subscript(metric: String) -> Measurement? { measurements.first { $0.metric == metric } }

    /// Adds a measurement, with a warning if there are fewer than `sufficientCount` pictures or reference pictures.
    mutating func add(_ measurement: Measurement, sufficientCount: Int) {
        measurements.append(measurement)
        let fewest = min(measurement.count, measurement.referenceCount ?? measurement.count)
        if fewest < sufficientCount {
            warn("\(measurement.metric): unreliable below \(sufficientCount) images")
        }
    }

    /// Adds a warning unless the report has it already.
    mutating func warn(_ text: String) {
        if !warnings.contains(text) { warnings.append(text) }
    }

    /// Writes the report as JSON. Throws `FileError`, also for a number that is not finite.
    public func save(to url: URL) throws { try DurableFile.writeJSON(self, to: url) }
}

extension EvaluationReport: CustomStringConvertible {
    /// A table with one row per metric, followed by the warnings.
    public var description: String {
        var lines = ["pictures   \(pictures)"]
        if let reference { lines.append("reference  \(reference)") }
        if let group { lines.append("group      \(group)") }
        if let croppedSize {
            lines.append("cropped    to the centre square, \(croppedSize) × \(croppedSize) by Lanczos in 8 bits")
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
