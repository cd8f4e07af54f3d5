/// The number types of safetensors files. Raw values are the format's names.
public enum ScalarType: String, Sendable, CaseIterable, Codable {
    /// Double precision; read only.
    case float64 = "F64"
    /// Single precision.
    case float32 = "F32"
    /// Half precision of IEEE 754.
    case float16 = "F16"
    /// The upper half of single precision.
    case bfloat16 = "BF16"
    /// 8 bits with 4 exponent bits, without infinities (arXiv 2209.05433), used by ComfyUI for large networks; read only.
    case float8e4m3 = "F8_E4M3"
    /// 8 bits with 5 exponent bits, the upper half of ``float16``; read only.
    case float8e5m2 = "F8_E5M2"
    /// 64-bit integers; read only.
    case int64 = "I64"
    /// 32-bit integers; read only.
    case int32 = "I32"
    /// 16-bit integers; read only.
    case int16 = "I16"
    /// 8-bit integers. Weights that are stored in them have one scale for each index of their first axis, see
    /// ``SafetensorsFile/mappedTensor(_:)``.
    case int8 = "I8"
    /// Bytes; read only.
    case uint8 = "U8"
    /// Booleans, one byte each; read only.
    case boolean = "BOOL"

    /// Bytes per number.
    public var byteCount: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .float8e4m3, .float8e5m2, .int8, .uint8, .boolean: 1
        }
    }
}
