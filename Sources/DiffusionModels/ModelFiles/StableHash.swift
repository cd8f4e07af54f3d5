import Autograd
import Tensor

/// The 64-bit FNV-1a hash: the same bytes give the same value in every process, unlike `Hasher`.
package struct StableHash: CustomStringConvertible {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The hash of no bytes.
    package init() {}

    /// Adds bytes to the hash.
    package mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// The hash in hexadecimal digits.
    package var description: String { String(state, radix: 16) }
}

extension StableHash {
    mutating func combine(_ numbers: some Sequence<Float>) {
        for number in numbers { withUnsafeBytes(of: number.bitPattern.littleEndian) { combine($0) } }
    }
}

extension ParameterSet {
    /// A few values of every weight, as a fingerprint of the network.
    var sample: [Float] {
        all.flatMap { $0.value.gathered(rows: [$0.shape[0] / 2]).scalars.prefix(4) }
    }
}
