import Foundation

/// Writes safetensors files.
public enum Safetensors {
    /// What follows a weight's name in that of its scales.
    static let scaleSuffix = "_scale"

    /// Writes tensors in the given order. The file is written atomically.
    ///
    /// - Parameters:
    ///   - tensors: unique names, and values.
    ///   - scalarType: Float32, Float16 or BFloat16; numbers are rounded to nearest, ties to even. With `.int8`, tensors keep the type in
    ///     which they are stored; those in 8-bit integers are followed by their scales, see ``SafetensorsFile/mappedTensor(_:)``.
    ///   - metadata: free text entries of the header.
    ///   - isChecksummed: whether to append a tensor `checksum` with the CRC-32 of all bytes before it, as
    ///     ``SafetensorsFile/verifyChecksum()`` expects.
    ///   - allowsNonFinite: whether infinities and NaN may be written; otherwise they are an error, as are numbers that overflow the
    ///     type (above 65,504 for Float16).
    ///   - url: the destination. An existing file is replaced, a symbolic link is followed, and anything but a plain file is refused.
    ///
    /// Throws ``SafetensorsError`` for a type, a name or a number that cannot be written and for insufficient disk space, and
    /// ``FileError``.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], scalarType: ScalarType = .float32,
        metadata: [String: String] = [:], isChecksummed: Bool = false, allowsNonFinite: Bool = false, to url: URL
    ) throws {
        guard [.float32, .float16, .bfloat16, .int8].contains(scalarType) else {
            throw SafetensorsError.unwritable(
                path: url.path, reason: "expected F32, F16, BF16 or I8, found \(scalarType.rawValue)")
        }
        let stored = tensors.flatMap { name, tensor in
            let type = scalarType == .int8 ? tensor.scalarType : scalarType
            let whole = LaterTensor(name: name, shape: tensor.shape, type: type) { tensor }
            guard type == .int8, let scales = tensor.scales else { return [whole] }
            return [whole, LaterTensor(name: name + scaleSuffix, shape: scales.shape) { scales }]
        }
        try write(
            stored, metadata: metadata, isChecksummed: isChecksummed, allowsNonFinite: allowsNonFinite, to: url)
    }

    /// A tensor that is computed when it is written.
    package struct LaterTensor {
        let name: String
        let shape: [Int]
        let type: ScalarType
        package let compute: () throws -> Tensor

        /// A tensor of a shape, stored as a type.
        package init(
            name: String, shape: [Int], type: ScalarType = .float32, compute: @escaping () throws -> Tensor
        ) {
            (self.name, self.shape, self.type, self.compute) = (name, shape, type, compute)
        }
    }

    /// Writes tensors that are computed one after the other, each when it is written, in their order.
    ///
    /// Throws as the other function of this name, and what computing a tensor throws.
    package static func write(
        _ tensors: [LaterTensor], metadata: [String: String] = [:], isChecksummed: Bool = false,
        allowsNonFinite: Bool = false, to url: URL
    ) throws {
        var header: [String: HeaderField] = [:]
        if !metadata.isEmpty { header[SafetensorsHeader.metadataKey] = .metadata(metadata) }
        var end = 0
        for tensor in tensors {
            let start = end
            end += tensor.shape.reduce(1, *) * tensor.type.byteCount
            let field = HeaderField.tensor(type: tensor.type, shape: tensor.shape, offsets: [start, end])
            guard header.updateValue(field, forKey: tensor.name) == nil else {
                throw SafetensorsError.unwritable(path: url.path, reason: "the name \"\(tensor.name)\" occurs twice")
            }
        }
        if isChecksummed {
            let field = HeaderField.tensor(
                type: .int64, shape: [1], offsets: [end, end + SafetensorsFile.checksumByteCount])
            guard header.updateValue(field, forKey: SafetensorsFile.checksumName) == nil else {
                throw SafetensorsError.unwritable(
                    path: url.path, reason: "the name \"\(SafetensorsFile.checksumName)\" occurs twice")
            }
            end += SafetensorsFile.checksumByteCount
        }
        try requireSpace(end, for: url)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = try encoder.encode(header)
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
        var checksum = Checksum()
        try DurableFile.write(to: url) { file in
            func write(_ data: Data) throws {
                try file.write(contentsOf: data)
                if isChecksummed { checksum.combine(data) }
            }
            try write(withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) })
            try write(text)
            for later in tensors {
                let tensor = try later.compute()
                let bytes = bytes(of: tensor, as: later.type)
                let count = allowsNonFinite ? 0 : bytes.withUnsafeBytes { $0.nonFiniteCount(later.type) ?? 0 }
                guard count == 0 else {
                    throw SafetensorsError.nonFinite(
                        path: url.path, name: later.name, count: count, storedAs: later.type,
                        isOverflow: tensor.nonFiniteCount() == 0)
                }
                try write(bytes)
            }
            if isChecksummed { try file.write(contentsOf: SafetensorsFile.bytes(of: checksum)) }
        }
    }

    /// Throws ``SafetensorsError/unwritable(path:reason:)`` if a file's disk has less than `bytes` of free space.
    package static func requireSpace(_ bytes: Int, for url: URL) throws {
        let folder = url.deletingLastPathComponent()
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
        guard let free = attributes?[.systemFreeSize] as? NSNumber, free.intValue < bytes else { return }
        throw SafetensorsError.unwritable(
            path: url.path, reason: "expected \(bytes >> 20) MiB of room on the disk, found \(free.intValue >> 20) MiB")
    }

    private static func bytes(of tensor: Tensor, as type: ScalarType) -> Data {
        if tensor.scalarType == type { return tensor.storedBytes }
        return tensor.widened().withUnsafeScalars { scalars in
            switch type {
            case .float16: return data(scalars.map { Float16($0).bitPattern })
            case .bfloat16: return data(scalars.map(brainBits))
            default: return Data(buffer: scalars)
            }
        }
    }

    private static func data(_ halves: [UInt16]) -> Data { halves.withUnsafeBufferPointer { Data(buffer: $0) } }

    /// The upper 16 bits, rounded to nearest, ties to even; NaN stays NaN.
    private static func brainBits(_ x: Float) -> UInt16 {
        if x.isNaN { return 0x7fc0 }
        let bits = x.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
    }
}

/// One entry of the header's JSON.
private enum HeaderField: Encodable {
    case metadata([String: String])
    case tensor(type: ScalarType, shape: [Int], offsets: [Int])

    private enum CodingKeys: String, CodingKey {
        case type = "dtype"
        case shape
        case offsets = "data_offsets"
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .metadata(let text): try text.encode(to: encoder)
        case .tensor(let type, let shape, let offsets):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(type, forKey: .type)
            try container.encode(shape, forKey: .shape)
            try container.encode(offsets, forKey: .offsets)
        }
    }
}
