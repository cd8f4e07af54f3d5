import Foundation
import Synchronization

extension SafetensorsFile {
    /// The number of infinite or NaN elements of a floating-point tensor, counted in the file's bytes on several threads.
    ///
    /// Throws ``SafetensorsError`` if there is no tensor of that name or it holds integers.
    public func nonFiniteCount(_ name: String) throws -> Int {
        let entry = try entry(name)
        return try withBytes(of: entry) { bytes in
            guard let count = bytes.nonFiniteCount(entry.type) else {
                throw SafetensorsError.wrongType(
                    path: path, name: name, expected: "floating-point numbers", found: entry.type.rawValue)
            }
            return count
        }
    }
}

/// Bytes that several threads read.
private struct SharedBytes: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
}

extension UnsafeRawBufferPointer {
    /// The number of infinite or NaN elements of the given type; nil for integer types.
    func nonFiniteCount(_ type: ScalarType) -> Int? {
        switch type {
        case .float64: count(UInt64.self, withAllSet: 0x7ff0_0000_0000_0000)
        case .float32: count(UInt32.self, withAllSet: 0x7f80_0000)
        case .float16: count(UInt16.self, withAllSet: 0x7c00)
        case .bfloat16: count(UInt16.self, withAllSet: 0x7f80)
        case .float8e4m3: count(UInt8.self, withAllSet: 0x7f)
        case .float8e5m2: count(UInt8.self, withAllSet: 0x7c)
        default: nil
        }
    }

    /// The number of words in which all exponent bits are set.
    private func count<Word: FixedWidthInteger & Sendable>(_ type: Word.Type, withAllSet exponent: Word) -> Int {
        let width = MemoryLayout<Word>.size
        let shared = SharedBytes(bytes: self)
        let total = Atomic<Int>(0)
        parallelFor(count / width, grain: 1 << 18) { range in
            var found = 0
            for index in range {
                let word = shared.bytes.loadUnaligned(fromByteOffset: index * width, as: type)
                found &+= word & exponent == exponent ? 1 : 0
            }
            if found > 0 { total.wrappingAdd(found, ordering: .relaxed) }
        }
        return total.load(ordering: .relaxed)
    }
}

extension ScalarType {
    /// Whether the numbers are floating-point.
    public var isFloatingPoint: Bool {
        [.float64, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2].contains(self)
    }
}
