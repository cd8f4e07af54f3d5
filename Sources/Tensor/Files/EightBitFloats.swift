/// 8-bit floating-point numbers, each of which BFloat16 represents exactly.
enum EightBitFloats {
    private static let fourExponentBits = (0..<256).map { brainBits(UInt8($0), exponentBits: 4) }
    private static let fiveExponentBits = (0..<256).map { brainBits(UInt8($0), exponentBits: 5) }

    /// The BFloat16 bits of each byte of an 8-bit type.
    static func table(of type: ScalarType) -> [UInt16] { type == .float8e4m3 ? fourExponentBits : fiveExponentBits }

    /// The BFloat16 bits of a byte of sign, exponent and fraction (arXiv 2209.05433). With 4 exponent bits there is no infinity and
    /// only all ones is NaN; with 5 the rules are those of IEEE 754.
    private static func brainBits(_ byte: UInt8, exponentBits: Int) -> UInt16 {
        let fractionBits = 7 - exponentBits
        let (top, bias) = (1 << exponentBits - 1, 1 << (exponentBits - 1) - 1)
        let (exponent, fraction) = (Int(byte & 0x7f) >> fractionBits, Int(byte) & (1 << fractionBits - 1))
        let magnitude: Float
        if exponentBits == 4, byte & 0x7f == 0x7f {
            magnitude = .nan
        } else if exponentBits == 5, exponent == top {
            magnitude = fraction == 0 ? .infinity : .nan
        } else {
            let significand = exponent == 0 ? fraction : fraction | 1 << fractionBits
            magnitude = Float(
                sign: .plus, exponent: max(exponent, 1) - bias - fractionBits, significand: Float(significand))
        }
        return UInt16(magnitude.bitPattern >> 16) | UInt16(byte & 0x80) << 8
    }
}
