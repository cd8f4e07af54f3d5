import Foundation
import Tensor

extension PNG {
    /// The integrity of a PNG file, according to the checksums of its chunks.
    enum Wholeness: Equatable {
        /// A PNG file with all its chunks intact.
        case whole
        /// A PNG file that is truncated or altered.
        case damaged
        /// Not a PNG file.
        case foreign
    }

    /// Checks the integrity of a file's bytes; an empty file counts as damaged.
    static func wholeness(of data: Data) -> Wholeness {
        let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        guard data.starts(with: signature) else { return signature.starts(with: data) ? .damaged : .foreign }
        return data.withUnsafeBytes { bytes in
            func number(at offset: Int) -> UInt32 {
                UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            var start = signature.count
            // A chunk: length, type, as many bytes, and the CRC-32 of type and bytes.
            while bytes.count - start >= 12 {
                let length = Int(number(at: start))
                guard length <= bytes.count - start - 12 else { return .damaged }
                var checksum = Checksum()
                checksum.combine(UnsafeRawBufferPointer(rebasing: bytes[start + 4..<start + 8 + length]))
                guard checksum.value == number(at: start + 8 + length) else { return .damaged }
                let isEnd = bytes[start + 4..<start + 8].elementsEqual("IEND".utf8)
                start += 12 + length
                if isEnd { return start == bytes.count ? .whole : .damaged }
            }
            return .damaged
        }
    }
}
