import Foundation

extension SafetensorsFile {
    /// The name of the tensor that holds the checksum: one 64-bit integer in the file's last bytes.
    static let checksumName = "checksum"
    static let checksumByteCount = 8

    static func bytes(of checksum: Checksum) -> Data {
        withUnsafeBytes(of: UInt64(checksum.value).littleEndian) { Data($0) }
    }

    /// Reads the whole file and compares it with its checksum, which detects a changed bit anywhere, including the header.
    ///
    /// Returns false for a file that was written without a checksum. Throws ``SafetensorsError/malformed(path:field:expected:found:)``
    /// if the checksum does not match.
    @discardableResult
    public func verifyChecksum() throws -> Bool {
        guard info(Self.checksumName) == TensorInfo(scalarType: .int64, shape: [1]) else {
            // Files with a checksum have no other integer tensor: one of another name is the checksum with a damaged name.
            guard !names.contains(where: { info($0)?.scalarType == .int64 || $0 == Self.checksumName }) else {
                throw malformed(found: "another name or type of the checksum")
            }
            return false
        }
        var checksum = Checksum()
        let (all, part) = (allBytes, 1 << 24)
        let end = all.count - Self.checksumByteCount
        for start in stride(from: 0, to: end, by: part) {
            checksum.combine(UnsafeRawBufferPointer(rebasing: all[start..<min(start + part, end)]))
        }
        guard all.suffix(Self.checksumByteCount).elementsEqual(Self.bytes(of: checksum)) else {
            throw malformed(found: "\(checksum)")
        }
        return true
    }

    private func malformed(found: String) -> SafetensorsError {
        .malformed(
            path: path, field: "checksum", expected: "the CRC-32 stored in the file", found: found)
    }
}
