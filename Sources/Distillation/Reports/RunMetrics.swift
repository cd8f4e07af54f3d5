import Foundation

/// The numbers of a file of JSON lines that each have a `step`: a chart a field, and the numbers of an object in one chart.
struct RunMetrics {
    /// One chart's curves by name; a field that is a number has one, without a name.
    struct Field {
        let name: String
        var curves: [(name: String, points: [LineChart.Point])]
    }

    private(set) var fields: [Field] = []
    /// The last line's step, 0 where there is none.
    private(set) var lastStep = 0

    /// Fields that say how the run went on and not how well.
    private static let bookkeeping: Set<String> = ["step", "samplesSeen", "peakBytes"]

    /// The lines of a file that can be read; none where there is no file.
    init(contentsOf file: URL) {
        guard let data = try? Data(contentsOf: file) else { return }
        var order: [String] = []
        var curves: [String: [String: [LineChart.Point]]] = [:]
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
                let step = object["step"] as? Int
            else { continue }
            lastStep = step
            for (field, value) in object.sorted(by: { $0.key < $1.key }) where !Self.bookkeeping.contains(field) {
                let values = value as? [String: Any] ?? ["": value]
                for (name, value) in values {
                    guard let number = (value as? NSNumber)?.doubleValue, number.isFinite else { continue }
                    if curves[field] == nil { order.append(field) }
                    curves[field, default: [:]][name, default: []].append(.init(x: Double(step), y: number))
                }
            }
        }
        fields = order.map { field in
            let named = (curves[field] ?? [:]).sorted { $0.key.localizedStandardCompare($1.key) == .orderedAscending }
            return Field(name: field, curves: named.map { (name: $0.key, points: $0.value) })
        }
    }
}
