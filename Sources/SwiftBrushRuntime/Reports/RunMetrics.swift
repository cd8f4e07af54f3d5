import Foundation

/// The numbers of a JSON Lines file whose lines have a `step`: one chart per field, with the numbers of an object as its curves.
struct RunMetrics {
    /// The curves of one chart by name; a field that is a number has one curve, without a name.
    struct Field {
        let name: String
        var curves: [(name: String, points: [LineChart.Point])]
    }

    private(set) var fields: [Field] = []
    /// The last line's step; 0 if there is none.
    private(set) var lastStep = 0

    /// Fields that record the run's progress, not its quality.
    private static let bookkeeping: Set<String> = ["step", "samplesSeen", "peakBytes"]

    /// The valid lines of a file; none if there is no file.
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
