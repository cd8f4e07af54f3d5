import Autograd
import Tensor

/// FNV-1a of 64 bits: one number for the same bytes in every process, unlike `Hasher`.
package struct StableHash: CustomStringConvertible {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Of nothing yet.
    package init() {}

    /// Adds bytes.
    package mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// In hexadecimal digits.
    package var description: String { String(state, radix: 16) }
}

extension StableHash {
    mutating func combine(_ numbers: some Sequence<Float>) {
        for number in numbers { withUnsafeBytes(of: number.bitPattern.littleEndian) { combine($0) } }
    }
}

extension ParameterSet {
    /// Some numbers of every weight, which tell a network from others.
    var sample: [Float] {
        all.flatMap { $0.value.gathered(rows: [$0.shape[0] / 2]).scalars.prefix(4) }
    }
}
