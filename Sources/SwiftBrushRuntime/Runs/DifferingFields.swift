import Foundation

/// The fields in which two values differ as JSON, with their names and both values; at most three.
func differingFields(_ expected: some Encodable, _ found: some Encodable) -> (expected: String, found: String) {
    func fields(_ value: some Encodable) -> [String: String] {
        var all: [String: String] = [:]
        func add(_ value: Any, _ path: [String]) {
            if let object = value as? [String: Any] {
                for (key, value) in object { add(value, path + [key]) }
            } else {
                all[path.joined(separator: ".")] = "\(value)".replacing(/\s+/, with: " ")
            }
        }
        if let data = try? JSONEncoder().encode(value), let object = try? JSONSerialization.jsonObject(with: data) {
            add(object, [])
        }
        return all
    }
    let (expected, found) = (fields(expected), fields(found))
    let names = Set(expected.keys).union(found.keys).filter { expected[$0] != found[$0] }.sorted().prefix(3)
    func listed(_ fields: [String: String]) -> String {
        names.map { "\($0) \(fields[$0] ?? "none")" }.joined(separator: ", ")
    }
    return (listed(expected), listed(found))
}
