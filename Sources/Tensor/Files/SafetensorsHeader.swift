import Foundation

/// The header of a safetensors file, with the position of each tensor.
///
/// The format of huggingface/safetensors: the header's length in eight little-endian bytes, a JSON header of that length, then the
/// numbers without gap or overlap.
struct SafetensorsHeader {
    /// The header's entry for one tensor.
    struct Entry: Equatable {
        let type: ScalarType
        let shape: [Int]
        /// The range of its numbers, counted from the end of the header.
        let bytes: Range<Int>
    }

    /// The maximum header length that the reference implementation accepts.
    static let lengthLimit = 100_000_000
    /// The maximum nesting depth; a valid header has three levels.
    private static let depthLimit = 16
    /// The maximum rank of PyTorch's tensors.
    private static let rankLimit = 64
    static let metadataKey = "__metadata__"

    private(set) var entries: [String: Entry] = [:]
    private(set) var metadata: [String: String] = [:]
    /// The offset of the first number in the file.
    let dataStart: Int

    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        func malformed(_ field: String, _ expected: String, _ found: String) -> SafetensorsError {
            .malformed(path: path, field: field, expected: expected, found: found)
        }
        /// An error with the file's actual format if its first bytes identify it, otherwise with the malformed field.
        func foreign(_ field: String, _ expected: String, _ found: String) -> SafetensorsError {
            ForeignFormat(file).map { .otherFormat(path: path, format: $0) } ?? malformed(field, expected, found)
        }
        guard file.count >= 8 else { throw foreign("length of the file", "at least 8 bytes", "\(file.count)") }
        let length = file.prefix(8).enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << (8 * UInt64($1.offset))
        }
        guard length <= UInt64(file.count - 8) else {
            throw foreign("header length", "at most the \(file.count - 8) bytes that follow it", "\(length)")
        }
        guard length <= UInt64(Self.lengthLimit) else {
            throw foreign("header length", "at most \(Self.lengthLimit) bytes", "\(length)")
        }
        dataStart = 8 + Int(length)
        let text = Data(file[8..<dataStart])
        guard text.first == UInt8(ascii: "{") else { throw foreign("header", "a JSON object", "another byte first") }
        let outline = JSONOutline(text)
        guard outline.depth <= Self.depthLimit else {
            throw malformed("header", "JSON of at most \(Self.depthLimit) levels", "more")
        }
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: text)
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty {
            throw malformed("header", "a JSON object", "text that is not valid JSON")
        } catch let error as DecodingError {
            throw malformed(error.fieldPath, "a tensor's dtype, shape and data_offsets", error.reason)
        }
        let written = outline.outermostFieldCount
        guard written == fields.count else {
            throw malformed("header", "every name once", "\(written - fields.count) repeated")
        }
        metadata = fields.metadata
        for (name, field) in fields.tensors.sorted(by: { $0.key < $1.key }) {
            entries[name] = try Self.entry(field, dataCount: file.count - dataStart) {
                malformed("tensor \"\(name)\": \($0)", $1, $2)
            }
        }
        try checkLayout(dataCount: file.count - dataStart, malformed)
    }

    private static func entry(
        _ field: Fields.Tensor, dataCount: Int, _ malformed: (String, String, String) -> SafetensorsError
    ) throws -> Entry {
        guard let type = ScalarType(rawValue: field.dtype) else {
            let known = ScalarType.allCases.map(\.rawValue).joined(separator: ", ")
            throw malformed("dtype", "one of \(known)", field.dtype)
        }
        guard field.shape.count <= rankLimit else {
            throw malformed("shape", "at most \(rankLimit) axes", "\(field.shape.count)")
        }
        // Zeros are left out: after a transposition, a partial product without the zero could overflow.
        var size = type.byteCount
        for extent in field.shape where extent != 0 {
            let (product, overflow) = size.multipliedReportingOverflow(by: extent)
            guard extent > 0, !overflow else {
                throw malformed("shape", "extents whose product a file can hold", "\(field.shape)")
            }
            size = product
        }
        if field.shape.contains(0) { size = 0 }
        let offsets = field.data_offsets
        guard offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1] else {
            throw malformed("data_offsets", "two rising offsets", "\(offsets)")
        }
        guard offsets[1] <= dataCount else {
            throw malformed(
                "data_offsets", "an end within the \(dataCount) bytes after the header (was the file cut short?)",
                "\(offsets)")
        }
        guard offsets[1] - offsets[0] == size else {
            throw malformed(
                "data_offsets", "\(size) bytes for shape \(field.shape) in \(type.rawValue)",
                "\(offsets[1] - offsets[0])")
        }
        return Entry(type: type, shape: field.shape, bytes: offsets[0]..<offsets[1])
    }

    /// The tensors must cover the data without gap or overlap.
    private func checkLayout(
        dataCount: Int, _ malformed: (String, String, String) -> SafetensorsError
    ) throws {
        var end = 0
        let inOrder = entries.sorted {
            ($0.value.bytes.lowerBound, $0.value.bytes.upperBound) < (
                $1.value.bytes.lowerBound, $1.value.bytes.upperBound
            )
        }
        for (name, entry) in inOrder {
            guard entry.bytes.lowerBound == end else {
                throw malformed(
                    "tensor \"\(name)\": data_offsets", "a start at \(end), where the tensor before it ends",
                    "\(entry.bytes.lowerBound)")
            }
            end = entry.bytes.upperBound
        }
        guard end == dataCount else { throw malformed("data", "\(end) bytes", "\(dataCount)") }
    }
}

/// The JSON of a header.
private struct Fields: Decodable {
    struct Tensor: Decodable {
        let dtype: String
        let shape: [Int]
        let data_offsets: [Int]
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var tensors: [String: Tensor] = [:]
    var metadata: [String: String] = [:]
    let count: Int

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        count = container.allKeys.count
        for key in container.allKeys {
            if key.stringValue == SafetensorsHeader.metadataKey {
                metadata = try container.decode([String: String].self, forKey: key)
            } else {
                tensors[key.stringValue] = try container.decode(Tensor.self, forKey: key)
            }
        }
    }
}

extension DecodingError {
    private var context: Context? {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: nil
        }
    }

    /// The path of the field in the JSON.
    fileprivate var fieldPath: String {
        let path = context?.codingPath.map(\.stringValue).joined(separator: ".") ?? ""
        return path.isEmpty ? "header" : path
    }

    /// The decoder's description of the error.
    fileprivate var reason: String { context?.debugDescription ?? "something else" }
}
