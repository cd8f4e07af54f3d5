import CZlib
import Foundation

/// CRC-32 of bytes, through zlib: any change within 32 bits in a row is noticed, another one all but once in four thousand million times.
package struct Checksum: Equatable, CustomStringConvertible {
    /// The number of the bytes so far.
    package private(set) var value: UInt32 = 0

    /// Of nothing yet.
    package init() {}

    /// Adds bytes.
    package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        value = UInt32(truncatingIfNeeded: crc32_z(UInt(value), base, bytes.count))
    }

    /// Adds bytes.
    package mutating func combine(_ data: Data) { data.withUnsafeBytes { combine($0) } }

    /// Adds a tensor's numbers as they are stored.
    package mutating func combine(_ tensor: Tensor) { combine(tensor.storedBytes) }

    /// Adds text and its end, so that two texts are not one.
    package mutating func combine(_ text: String) { combine(Data((text + "\0").utf8)) }

    /// In hexadecimal digits.
    package var description: String { String(value, radix: 16) }
}
