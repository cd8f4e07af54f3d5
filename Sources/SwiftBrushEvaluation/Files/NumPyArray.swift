import Foundation

/// An array of numbers in numpy's `.npy` format.
struct NumPyArray {
    let shape: [Int]
    let values: [Double]

    init(_ values: [Double], shape: [Int]) { (self.values, self.shape) = (values, shape) }

    /// Reads Float64, Float32 or Int64 in row-major order; `name` is used in errors. Throws ``EvaluationError``.
    init(_ data: Data, name: String) throws {
        let bytes = Data(data)
        func malformed(_ found: String) -> EvaluationError {
            .unsuitableContents(path: name, expected: "a row-major .npy array of <f8, <f4 or <i8", found: found)
        }
        guard bytes.count > 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw malformed("\(bytes.count) bytes without the magic string")
        }
        let lengthWidth = bytes[6] == 1 ? 2 : 4
        let length = (0..<lengthWidth).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        let start = 8 + lengthWidth + length
        guard start <= bytes.count else { throw malformed("a header of \(length) bytes in \(bytes.count)") }
        let header = String(decoding: bytes[8 + lengthWidth..<start], as: UTF8.self)
        guard header.contains("'fortran_order': False"), let shape = Self.shape(in: header) else {
            throw malformed(String(header.prefix(200)))
        }
        let count = shape.reduce(Int?(1)) { product, extent in
            let (count, isTooLarge) = (product ?? 0).multipliedReportingOverflow(by: extent)
            return product == nil || isTooLarge ? nil : count
        }
        func read<Number>(_ type: Number.Type, _ convert: (Number) -> Double) throws -> [Double] {
            let width = MemoryLayout<Number>.size
            guard let count, count == (bytes.count - start) / width else { throw malformed(String(header.prefix(200))) }
            return bytes.withUnsafeBytes { buffer in
                (0..<count).map { convert(buffer.loadUnaligned(fromByteOffset: start + width * $0, as: type)) }
            }
        }
        self.shape = shape
        if header.contains("'<f8'") {
            values = try read(Double.self) { $0 }
        } else if header.contains("'<f4'") {
            values = try read(Float.self) { Double($0) }
        } else if header.contains("'<i8'") {
            values = try read(Int64.self) { Double($0) }
        } else {
            throw malformed(String(header.prefix(200)))
        }
    }

    /// The file's bytes, as Float64.
    var encoded: Data {
        let extents = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = "{'descr': '<f8', 'fortran_order': False, 'shape': (\(extents)), }"
        // Magic string, version and length take 10 bytes; the data begin at a multiple of 64.
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        var bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
        bytes.append(contentsOf: [UInt8(header.utf8.count & 0xff), UInt8(header.utf8.count >> 8)])
        return bytes + Data(header.utf8) + values.withUnsafeBufferPointer { Data(buffer: $0) }
    }

    private static func shape(in header: String) -> [Int]? {
        guard let open = header.firstIndex(of: "("), let close = header[open...].firstIndex(of: ")") else { return nil }
        let extents = header[header.index(after: open)..<close].split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }.map { Int($0) }
        return extents.contains { ($0 ?? -1) < 0 } ? nil : extents.compactMap { $0 }
    }
}
