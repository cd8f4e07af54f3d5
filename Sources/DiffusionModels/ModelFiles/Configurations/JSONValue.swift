import Foundation
import Tensor

/// Any JSON value.
package enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The value as an integer, also if the file has `3.0`; nil for other values.
    package var asInteger: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value as a number, nil for other values.
    package var asNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByNilLiteral
{
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(nilLiteral: ()) { self = .null }
}

extension JSONValue: CustomStringConvertible {
    /// The value as JSON on one line, truncated after 80 characters.
    package var description: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "a value that is not JSON" }
        let text = String(decoding: data, as: UTF8.self)
        return text.count > 80 ? "\(text.prefix(80))…" : text
    }
}

extension JSONValue {
    /// The maximum nesting depth, larger than in any configuration.
    private static let depthLimit = 64

    /// The contents of a JSON file.
    ///
    /// Throws ``ModelError`` if the file is missing, unreadable, not JSON, has repeated fields, or is nested more than 64 levels deep.
    package init(contentsOf file: URL, purpose: String) throws {
        let data = try ModelError.reading(file, purpose: purpose)
        let outline = JSONOutline(data)
        guard outline.depth <= Self.depthLimit else {
            throw ModelError.unreadableFile(
                path: file.path, reason: "expected JSON of at most \(Self.depthLimit) levels, found more")
        }
        let decoder = JSONDecoder()
        // Python's json module writes `-Infinity`, as in diffusers' "lambda_min_clipped"; JSON5 allows it, JSON does not.
        decoder.allowsJSON5 = data.range(of: Data("Infinity".utf8)) != nil
        do {
            self = try decoder.decode(JSONValue.self, from: data)
        } catch {
            throw ModelError.unreadableFile(path: file.path, reason: "it is not valid JSON")
        }
        guard fieldCount == outline.fieldCount else {
            throw ModelError.unreadableFile(
                path: file.path,
                reason: "expected every field once in its object, found \(outline.fieldCount - fieldCount) repeated")
        }
    }

    /// The number of fields of all objects in the value.
    private var fieldCount: Int {
        switch self {
        case .array(let values): values.reduce(0) { $0 + $1.fieldCount }
        case .object(let fields): fields.values.reduce(fields.count) { $0 + $1.fieldCount }
        default: 0
        }
    }

    /// Writes the value atomically as indented JSON with sorted keys. Throws `FileError`.
    func write(to file: URL) throws {
        try DurableFile.writeJSON(self, to: file)
    }
}
