import Foundation

extension CodingUserInfoKey {
    /// The path in errors when a configuration is read through a `Decoder`.
    static let configurationFile = CodingUserInfoKey(rawValue: "configurationFile")
}

/// The fields of one configuration file, with defaults, and errors that name the file and the field.
///
/// An absent field gets its default; a field with the default `nil` is required.
package struct ConfigurationFields: Sendable {
    package let file: String
    package let values: [String: JSONValue]
    /// The path of the enclosing fields, with a dot after each.
    private let path: String

    package init(_ json: JSONValue, file: String, path: String = "") throws {
        guard case .object(let values) = json else {
            throw ModelError.invalidField(
                file: file, field: String(path.dropLast()), expected: "an object of fields", found: "\(json)")
        }
        self.file = file
        self.values = values
        self.path = path
    }

    package init(contentsOf file: URL, purpose: String) throws {
        try self.init(JSONValue(contentsOf: file, purpose: purpose), file: file.path)
    }

    init(from decoder: any Decoder) throws {
        let file = CodingUserInfoKey.configurationFile.flatMap { decoder.userInfo[$0] as? String }
        try self.init(JSONValue(from: decoder), file: file ?? "config.json")
    }

    /// The fields of a nested object; empty if it is absent.
    package func object(_ field: String) throws -> ConfigurationFields {
        try ConfigurationFields(values[field] ?? .object([:]), file: file, path: "\(path)\(field).")
    }

    /// The fields of each object in a list; none if it is absent.
    func objects(_ field: String) throws -> [ConfigurationFields] {
        guard let value = values[field] else { return [] }
        guard case .array(let elements) = value else { throw invalid(field, expected: "a list of objects") }
        return try elements.enumerated().map { index, element in
            try ConfigurationFields(element, file: file, path: "\(path)\(field)[\(index)].")
        }
    }

    /// The error for a field with an unexpected value.
    package func invalid(_ field: String, expected: String) -> ModelError {
        let found = values[field].map { "\($0)" } ?? "nothing"
        return .invalidField(file: file, field: path + field, expected: expected, found: found)
    }

    /// The error for a field with a valid but unsupported value.
    func unsupported(_ field: String, expected: String) -> ModelError {
        let found = values[field].map { "\($0)" } ?? "nothing"
        return .unsupportedField(file: file, field: path + field, expected: expected, found: found)
    }

    /// Whether the field is absent or null.
    package func isNull(_ field: String) -> Bool { values[field, default: .null] == .null }

    package func integer(_ field: String, default fallback: Int?, in range: ClosedRange<Int>) throws -> Int {
        let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
        guard let value = values[field] else {
            guard let fallback else { throw invalid(field, expected: expected) }
            return fallback
        }
        guard let integer = value.asInteger, range.contains(integer) else {
            throw invalid(field, expected: expected)
        }
        return integer
    }

    func optionalInteger(_ field: String, in range: ClosedRange<Int>) throws -> Int? {
        isNull(field) ? nil : try integer(field, default: nil, in: range)
    }

    package func number(_ field: String, default fallback: Double?, in range: ClosedRange<Double>) throws -> Double {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        guard let value = values[field] else {
            guard let fallback else { throw invalid(field, expected: expected) }
            return fallback
        }
        guard let number = value.asNumber, range.contains(number) else { throw invalid(field, expected: expected) }
        return number
    }

    package func boolean(_ field: String, default fallback: Bool) throws -> Bool {
        guard let value = values[field] else { return fallback }
        guard case .boolean(let boolean) = value else { throw invalid(field, expected: "true or false") }
        return boolean
    }

    package func string(_ field: String, default fallback: String?) throws -> String {
        guard let value = values[field] else {
            guard let fallback else { throw invalid(field, expected: "a string") }
            return fallback
        }
        guard case .string(let string) = value else { throw invalid(field, expected: "a string") }
        return string
    }

    /// A string that is the raw value of a case of `Choice`.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ field: String, default fallback: Choice
    ) throws -> Choice where Choice.RawValue == String {
        guard values[field] != nil else { return fallback }
        let name = try string(field, default: nil)
        guard let choice = Choice(rawValue: name) else {
            let names = Choice.allCases.map { "\"\($0.rawValue)\"" }
            throw unsupported(field, expected: "one of \(names.joined(separator: ", "))")
        }
        return choice
    }
}

extension ConfigurationFields {
    /// A non-empty list of integers.
    func integers(_ field: String, default fallback: [Int]?, in range: ClosedRange<Int>) throws -> [Int] {
        let expected = "a list of integers from \(range.lowerBound) to \(range.upperBound)"
        guard let value = values[field] else {
            guard let fallback else { throw invalid(field, expected: expected) }
            return fallback
        }
        guard case .array(let elements) = value, !elements.isEmpty else { throw invalid(field, expected: expected) }
        let integers = elements.compactMap { $0.asInteger }.filter { range.contains($0) }
        guard integers.count == elements.count else { throw invalid(field, expected: expected) }
        return integers
    }

    /// A list of `count` numbers.
    package func numbers(_ field: String, count: Int, default fallback: [Double], in range: ClosedRange<Double>) throws
        -> [Double]
    {
        if isNull(field) { return fallback }
        let expected = "a list of \(count) numbers from \(range.lowerBound) to \(range.upperBound)"
        guard case .array(let elements)? = values[field], elements.count == count else {
            throw invalid(field, expected: expected)
        }
        let numbers = elements.compactMap(\.asNumber).filter(range.contains)
        guard numbers.count == count else { throw invalid(field, expected: expected) }
        return numbers
    }

    /// One integer per block, given as a single integer for all blocks or as a list.
    func integersPerBlock(
        _ field: String, blocks: Int, default fallback: Int, in range: ClosedRange<Int>
    ) throws -> [Int] {
        guard let value = values[field] else { return Array(repeating: fallback, count: blocks) }
        if let integer = value.asInteger, range.contains(integer) { return Array(repeating: integer, count: blocks) }
        let bounds = "from \(range.lowerBound) to \(range.upperBound)"
        let expected = "an integer \(bounds), or a list of \(blocks) of them (one per block)"
        guard case .array(let elements) = value, elements.count == blocks else {
            throw invalid(field, expected: expected)
        }
        let integers = elements.compactMap { $0.asInteger }.filter { range.contains($0) }
        guard integers.count == blocks else { throw invalid(field, expected: expected) }
        return integers
    }

    /// A list of block type names, one per block, each a case of `Choice`.
    func choices<Choice: RawRepresentable & CaseIterable>(
        _ field: String, blocks: Int, default fallback: [Choice]
    ) throws -> [Choice] where Choice.RawValue == String {
        let names = Choice.allCases.map { "\"\($0.rawValue)\"" }
        let expected = "a list of \(blocks) names (one per block) from \(names.joined(separator: ", "))"
        guard let value = values[field] else {
            guard fallback.count == blocks else { throw invalid(field, expected: expected) }
            return fallback
        }
        guard case .array(let elements) = value, elements.count == blocks else {
            throw invalid(field, expected: expected)
        }
        return try elements.map { element in
            guard case .string(let name) = element else { throw invalid(field, expected: expected) }
            guard let choice = Choice(rawValue: name) else { throw unsupported(field, expected: expected) }
            return choice
        }
    }

    /// Refuses a field unless it is absent, null, one of `allowed`, or a list of such values.
    func require(_ field: String, toBe allowed: JSONValue...) throws {
        let neutral = [JSONValue.null] + allowed
        func isNeutral(_ value: JSONValue) -> Bool {
            if case .array(let elements) = value { return elements.allSatisfy(isNeutral) }
            if let number = value.asNumber { return neutral.contains { $0.asNumber == number } }
            return neutral.contains(value)
        }
        if isNeutral(values[field, default: .null]) { return }
        throw unsupported(field, expected: neutral.reversed().map { "\($0)" }.joined(separator: " or "))
    }
}

extension JSONValue {
    /// A list with one entry per block, written as a single integer if all blocks agree.
    static func perBlock(_ integers: [Int]) -> JSONValue { .perBlock(integers.map { .integer($0) }) }

    /// A list with one entry per block, written as a single integer if all blocks have that one.
    static func perBlock(_ entries: [JSONValue]) -> JSONValue {
        guard let first = entries.first, first.asInteger != nil, entries.allSatisfy({ $0 == first }) else {
            return .array(entries)
        }
        return first
    }

    /// A list of strings.
    static func names<Choice: RawRepresentable>(_ choices: [Choice]) -> JSONValue where Choice.RawValue == String {
        .array(choices.map { .string($0.rawValue) })
    }
}
