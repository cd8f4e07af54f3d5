import CSwiftBrushZlib
import Foundation

/// The CRC-32 of bytes, computed by zlib. It detects every change within 32 consecutive bits, and misses any other about once in
/// 2³² times.
package struct Checksum: Equatable, CustomStringConvertible {
    /// The CRC-32 of the bytes so far.
    package private(set) var value: UInt32 = 0

    /// The checksum of no bytes.
    package init() {}

    /// Adds bytes.
    package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        value = UInt32(truncatingIfNeeded: crc32_z(UInt(value), base, bytes.count))
    }

    /// Adds bytes.
    package mutating func combine(_ data: Data) { data.withUnsafeBytes { combine($0) } }

    /// Adds a tensor's numbers in their stored type.
    package mutating func combine(_ tensor: Tensor) { combine(tensor.storedBytes) }

    /// Adds text and a terminator, so that two texts differ from their concatenation.
    package mutating func combine(_ text: String) { combine(Data((text + "\0").utf8)) }

    /// The checksum in hexadecimal digits.
    package var description: String { String(value, radix: 16) }
}
