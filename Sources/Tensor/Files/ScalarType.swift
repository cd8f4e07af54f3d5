/// How numbers are stored in a safetensors file, by the file's own names.
public enum ScalarType: String, Sendable, CaseIterable, Codable {
    /// Double precision; read only.
    case float64 = "F64"
    /// Single precision.
    case float32 = "F32"
    /// Half precision of IEEE 754.
    case float16 = "F16"
    /// The upper half of single precision.
    case bfloat16 = "BF16"
    /// 8 bits with 4 of exponent, finite (arXiv 2209.05433), as ComfyUI keeps large networks; read only.
    case float8e4m3 = "F8_E4M3"
    /// 8 bits with 5 of exponent, the upper half of ``float16``; read only.
    case float8e5m2 = "F8_E5M2"
    /// 64-bit integers; read only.
    case int64 = "I64"
    /// 32-bit integers; read only.
    case int32 = "I32"
    /// 16-bit integers; read only.
    case int16 = "I16"
    /// 8-bit integers; read only.
    case int8 = "I8"
    /// Bytes; read only.
    case uint8 = "U8"
    /// Truth values, a byte each; read only.
    case boolean = "BOOL"

    /// Bytes a number.
    public var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .float8e4m3, .float8e5m2, .int8, .uint8, .boolean: 1
        }
    }
}
