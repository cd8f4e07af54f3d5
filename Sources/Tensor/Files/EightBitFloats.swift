/// Floating-point numbers of 8 bits, all of which are numbers of BFloat16 too.
enum EightBitFloats {
    private static let fourExponentBits = (0..<256).map { brainBits(UInt8($0), exponentBits: 4) }
    private static let fiveExponentBits = (0..<256).map { brainBits(UInt8($0), exponentBits: 5) }

    /// The bits in BFloat16 of each byte in a type of 8 bits.
    static func table(of type: ScalarType) -> [UInt16] { type == .float8e4m3 ? fourExponentBits : fiveExponentBits }

    /// What a byte is in BFloat16: sign, exponent, fraction, as arXiv 2209.05433 has them. With 4 bits of exponent there is no infinity,
    /// and only all ones are not a number; with 5 it is as in IEEE 754.
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
