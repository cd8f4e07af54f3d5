/// An error in reading or writing a safetensors file.
public enum SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be opened.
    case unreadable(path: String, reason: String)
    /// The file is not in the format; `field` names the tensor or the part of the header.
    case malformed(path: String, field: String, expected: String, found: String)
    /// The file has another format, regardless of its name.
    case otherFormat(path: String, format: ForeignFormat)
    /// There is no tensor of that name.
    case missingTensor(path: String, name: String)
    /// The tensor's stored type is not the requested one.
    case wrongType(path: String, name: String, expected: String, found: String)
    /// The tensors cannot be written.
    case unwritable(path: String, reason: String)
    /// A tensor to be written has numbers that are infinite or NaN, or that overflow in the stored type.
    case nonFinite(path: String, name: String, count: Int, storedAs: ScalarType, isOverflow: Bool)

    /// One sentence with the file, the field, what was expected and what was found.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .malformed(let path, let field, let expected, let found):
            "\(path): not a valid safetensors file: \(field): expected \(expected), found \(found)"
        case .otherFormat(let path, let format):
            "\(path): not a safetensors file but \(format.rawValue); \(format.advice(for: path))"
        case .missingTensor(let path, let name): "\(path): there is no tensor \"\(name)\""
        case .wrongType(let path, let name, let expected, let found):
            "\(path): tensor \"\(name)\": expected \(expected), found \(found)"
        case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
        case .nonFinite(let path, let name, let count, let type, isOverflow: true):
            "\(path): cannot be written: tensor \"\(name)\" has \(count) numbers that are too large for \(type.rawValue); "
                + "Float32 (float32) and BFloat16 (bfloat16) hold them"
        case .nonFinite(let path, let name, let count, _, isOverflow: false):
            "\(path): cannot be written: tensor \"\(name)\" has \(count) numbers that are infinite or not a number"
        }
    }
}
