import Foundation

/// A safetensors file, mapped into memory or read into it. The header is checked on opening; the numbers are converted on access.
public struct SafetensorsFile: Sendable {
    /// The type and shape of one tensor.
    public struct TensorInfo: Sendable, Equatable {
        /// The type in which the numbers are stored.
        public let scalarType: ScalarType
        /// The extent of each axis.
        public let shape: [Int]
    }

    /// The path of the file.
    public let path: String
    private let file: FileBytes
    private let header: SafetensorsHeader

    /// Opens a file and checks its header.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - storage: where its bytes are while it is open. A ``FileStorage/mapped`` file must not be truncated meanwhile.
    ///
    /// Throws ``SafetensorsError``.
    public init(contentsOf url: URL, storage: FileStorage = .mapped) throws {
        path = url.path
        file = try FileBytes(path: url.path, storage: storage)
        header = try SafetensorsHeader(file.bytes, path: url.path)
    }

    /// The names of the tensors, sorted.
    public var names: [String] { header.entries.keys.sorted() }

    /// The free text entries of the header.
    public var metadata: [String: String] { header.metadata }

    /// The type and shape of a tensor; nil if there is none of that name.
    public func info(_ name: String) -> TensorInfo? {
        header.entries[name].map { TensorInfo(scalarType: $0.type, shape: $0.shape) }
    }

    /// Reads a floating-point tensor, or a weight of 8-bit integers with scales, as Float32.
    ///
    /// Throws ``SafetensorsError`` if there is no tensor of that name or it holds integers.
    public func tensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        if let weight = try scaledIntegers(name, entry) { return weight.widened() }
        return try withBytes(of: entry) { bytes in
            switch entry.type {
            case .float32:
                Tensor(shape: entry.shape) { UnsafeMutableRawBufferPointer($0).copyMemory(from: bytes) }
            case .float64:
                Tensor(shape: entry.shape) { numbers in
                    for i in numbers.indices {
                        numbers[i] = Float(bytes.loadUnaligned(fromByteOffset: 8 * i, as: Double.self))
                    }
                }
            case .float16, .bfloat16:
                Tensor(shape: entry.shape) { widen(bytes, of: entry.type, into: $0) }
            case .float8e4m3, .float8e5m2:
                Tensor(shape: entry.shape) { numbers in
                    let table = EightBitFloats.table(of: entry.type)
                    for i in numbers.indices {
                        numbers[i] = Float(bitPattern: UInt32(table[Int(bytes[i])]) << 16)
                    }
                }
            default:
                throw SafetensorsError.wrongType(
                    path: path, name: name, expected: "floating-point numbers", found: entry.type.rawValue)
            }
        }
    }

    /// A floating-point tensor that shares the file's bytes, mapped or in memory, in its stored type. 8-bit floating-point types are copied as
    /// BFloat16; other tensors whose type or alignment does not allow mapping are copied as Float32.
    ///
    /// So is a weight of 8-bit integers, `[outputs, …]`, whose scales, Float32 `[outputs]`, the file contains under the weight's name with
    /// `_scale` after it: each number is the integer times the scale of its output.
    ///
    /// A mapped file must not be changed in place while the tensor lives, see ``FileStorage/mapped``. Throws
    /// ``SafetensorsError`` if there is no tensor of that name or it holds integers.
    public func mappedTensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        if let weight = try scaledIntegers(name, entry) { return weight }
        let bytes = bytes(of: entry)
        if [.float8e4m3, .float8e5m2].contains(entry.type), !bytes.isEmpty {
            let table = EightBitFloats.table(of: entry.type)
            defer { file.giveBack(bytes) }
            return Tensor(TensorStorage(brain: bytes.lazy.map { table[Int($0)] }), shape: entry.shape)
        }
        guard [.float32, .float16, .bfloat16].contains(entry.type), let base = bytes.baseAddress,
            Int(bitPattern: base) % entry.type.byteCount == 0, !bytes.isEmpty
        else { return try tensor(name) }
        return Tensor(TensorStorage(mapping: bytes, as: entry.type, of: file), shape: entry.shape)
    }

    /// A weight of 8-bit integers; nil for another tensor, and for one without scales. Throws ``SafetensorsError`` for scales that do not fit.
    private func scaledIntegers(_ name: String, _ entry: SafetensorsHeader.Entry) throws -> Tensor? {
        guard let scaleName = scaleName(of: name) else { return nil }
        let scales = try self.entry(scaleName)
        guard entry.shape.count >= 2, scales.type == .float32, scales.shape == [entry.shape[0]] else {
            throw SafetensorsError.malformed(
                path: path, field: "tensor \"\(scaleName)\"",
                expected: "F32 of shape \(entry.shape.prefix(1)), one scale for each output of \"\(name)\", "
                    + "whose shape is \(entry.shape)",
                found: "\(scales.type.rawValue) of shape \(scales.shape)")
        }
        let bytes = bytes(of: entry)
        guard !bytes.isEmpty else { return .zeros(entry.shape) }
        let rows = RowScales(try tensor(scaleName), width: bytes.count / entry.shape[0])
        let weight = Tensor(TensorStorage(mapping: bytes, as: .int8, scales: rows, of: file), shape: entry.shape)
        // Matrices have one scale for each row or each column, which is ambiguous if an output has one number.
        return rows.width == 1 ? weight.widened() : weight
    }

    /// The name of the scales of a tensor of 8-bit integers; nil if it has none, or another type.
    package func scaleName(of name: String) -> String? {
        guard header.entries[name]?.type == .int8, header.entries["\(name)\(Safetensors.scaleSuffix)"] != nil
        else { return nil }
        return "\(name)\(Safetensors.scaleSuffix)"
    }

    /// The integers of a tensor of an integer type, in row-major order.
    ///
    /// Throws ``SafetensorsError`` if there is no tensor of that name or it holds other numbers.
    public func integers(_ name: String) throws -> [Int] {
        let entry = try entry(name)
        return try withBytes(of: entry) { bytes in
            func all<Stored: BinaryInteger>(_ type: Stored.Type) -> [Int] {
                let width = MemoryLayout<Stored>.stride
                return (0..<bytes.count / width).map { Int(bytes.loadUnaligned(fromByteOffset: width * $0, as: type)) }
            }
            switch entry.type {
            case .int64: return all(Int64.self)
            case .int32: return all(Int32.self)
            case .int16: return all(Int16.self)
            case .int8: return all(Int8.self)
            case .uint8, .boolean: return all(UInt8.self)
            default:
                throw SafetensorsError.wrongType(
                    path: path, name: name, expected: "integers", found: entry.type.rawValue)
            }
        }
    }

    /// The bytes of the whole file.
    var allBytes: UnsafeRawBufferPointer { file.bytes }

    func entry(_ name: String) throws -> SafetensorsHeader.Entry {
        guard let entry = header.entries[name] else { throw SafetensorsError.missingTensor(path: path, name: name) }
        return entry
    }

    private func bytes(of entry: SafetensorsHeader.Entry) -> UnsafeRawBufferPointer {
        let range = header.dataStart + entry.bytes.lowerBound..<header.dataStart + entry.bytes.upperBound
        return UnsafeRawBufferPointer(rebasing: file.bytes[range])
    }

    func withBytes<Result>(
        of entry: SafetensorsHeader.Entry, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let bytes = bytes(of: entry)
        defer { file.giveBack(bytes) }
        return try body(bytes)
    }
}

/// Widens 16-bit numbers. They are copied first if a header of odd length leaves them unaligned.
private func widen(
    _ bytes: UnsafeRawBufferPointer, of type: ScalarType, into numbers: UnsafeMutableBufferPointer<Float>
) {
    guard let base = bytes.baseAddress, let target = numbers.baseAddress else { return }
    if Int(bitPattern: base) % 2 == 0 {
        type.widen(base, count: numbers.count, into: target)
    } else {
        let aligned = numbers.indices.map { bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
        aligned.withUnsafeBytes { aligned in
            if let base = aligned.baseAddress { type.widen(base, count: numbers.count, into: target) }
        }
    }
}
