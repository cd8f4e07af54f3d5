import Foundation
import Tensor
import Testing

/// Writes files of given bytes to a temporary folder, which is removed at the end.
@Suite("Safetensors")
final class SafetensorsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "safetensors-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func file(_ header: String, data: Int = 0, length: UInt64? = nil) throws -> URL {
        let text = Data(header.utf8)
        let size = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Data($0) }
        let url = folder.appending(path: "file.safetensors")
        try (size + text + Data(repeating: 0, count: data)).write(to: url)
        return url
    }

    static let malformed: [(header: String, data: Int, length: UInt64?, field: String)] = [
        (#"{}"#, 0, 3, "header length"),
        (#"{}"#, 3, nil, "data"),
        (#"{}"#, 0, 1 << 60, "header length"),
        (#"{}"#, 0, .max, "header length"),
        (#"{"a":"#, 0, nil, "header"),
        (#" {}"#, 0, nil, "header"),
        (#"[]"#, 0, nil, "header"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0, nil, "a"),
        (#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2]}}"#, 8, nil, "a"),
        (#"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, 8, nil, "a"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 12, nil, "data"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, nil, "a"),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
            12, nil, "b"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8, nil, "header"
        ),
        (#"{"__metadata__":{"a":1}}"#, 0, nil, "__metadata__"),
    ]

    @Test("A malformed file is refused with an error that names the field", arguments: malformed.indices)
    func refusal(index: Int) throws {
        let (header, data, length, field) = Self.malformed[index]
        let url = try file(header, data: data, length: length)
        do {
            _ = try SafetensorsFile(contentsOf: url)
            Issue.record("no error for \(header)")
        } catch let SafetensorsError.malformed(path, found, _, _) {
            #expect(path == url.path)
            #expect(found.contains(field), "\(found) for \(header)")
        }
    }

    @Test("Missing and short files are refused")
    func short() throws {
        #expect(throws: SafetensorsError.self) {
            try SafetensorsFile(contentsOf: folder.appending(path: "nothing.safetensors"))
        }
        for count in 0..<8 {
            let url = folder.appending(path: "short.safetensors")
            try Data(repeating: 1, count: count).write(to: url)
            #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: url) }
        }
    }

    @Test("A wrong type and a missing name have errors of their own")
    func wrongType() throws {
        let url = try file(
            #"{"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#,
            data: 12)
        let file = try SafetensorsFile(contentsOf: url)
        #expect(try file.integers("a") == [0, 0])
        #expect(try file.tensor("b").shape == [])
        let isWrongType = { (name: String, expected: String, found: String) in
            SafetensorsError.wrongType(path: url.path, name: name, expected: expected, found: found)
        }
        #expect(throws: isWrongType("a", "floating-point numbers", "I32")) { try file.tensor("a") }
        #expect(throws: isWrongType("b", "integers", "F32")) { try file.integers("b") }
        #expect(throws: SafetensorsError.missingTensor(path: url.path, name: "c")) { try file.tensor("c") }
    }

    @Test("Written tensors are read back, rounded to nearest even in 16 bits")
    func roundTrip() throws {
        var stream = RandomStream(seed: 1)
        let special: [Float] = [
            0, -0.0, 1, -1.5, 65_504, 70_000, 1e-8, 6e-8, .infinity, 1 + 0x1p-11, 1 + 3 * 0x1p-11, 0x1p-24,
        ]
        let tensors: [(name: String, tensor: Tensor)] = [
            ("b", stream.normal([3, 5, 2])), ("a", Tensor(special, shape: [12])), ("scalar", Tensor(3)),
            ("empty", .zeros([0, 4])),
        ]
        let url = folder.appending(path: "round.safetensors")
        for type in [ScalarType.float32, .float16, .bfloat16] {
            try Safetensors.write(
                tensors, scalarType: type, metadata: ["format": "pt"], allowsNonFinite: true, to: url)
            let file = try SafetensorsFile(contentsOf: url)
            #expect(file.metadata == ["format": "pt"])
            #expect(file.names == ["a", "b", "empty", "scalar"])
            for (name, tensor) in tensors {
                let expected = tensor.scalars.map { x in
                    switch type {
                    case .float16: Float(Float16(x))
                    case .bfloat16: roundedToBrain(x)
                    default: x
                    }
                }
                #expect(file.info(name)?.scalarType == type && file.info(name)?.shape == tensor.shape)
                #expect(try file.tensor(name).scalars.map(\.bitPattern) == expected.map(\.bitPattern))
            }
        }
        #expect(throws: SafetensorsError.self) { try Safetensors.write(tensors, scalarType: .int8, to: url) }
        #expect(throws: SafetensorsError.self) { try Safetensors.write(tensors + tensors, to: url) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["round.safetensors"])
    }

    /// The nearer of the two neighbours whose lower 16 bits are zero; on a tie, the even one.
    private func roundedToBrain(_ x: Float) -> Float {
        let below = Float(bitPattern: x.bitPattern & 0xffff_0000)
        guard x.isFinite, below != x else { return x }
        let above = Float(bitPattern: (x.bitPattern & 0xffff_0000) + 0x1_0000)
        let (down, up) = (abs(Double(x) - Double(below)), abs(Double(above) - Double(x)))
        if down == up { return below.bitPattern >> 16 & 1 == 0 ? below : above }
        return down < up ? below : above
    }

    @Test("10,000 mutations of a valid file are refused or read, and never crash")
    func mutations() throws {
        var stream = RandomStream(seed: 2)
        let url = folder.appending(path: "good.safetensors")
        try Safetensors.write(
            [("first", stream.normal([3, 4])), ("second", stream.normal([5]))], scalarType: .float16,
            metadata: ["format": "pt"], to: url)
        let good = [UInt8](try Data(contentsOf: url))
        let mutant = folder.appending(path: "mutant.safetensors")
        var (refused, read) = (0, 0)
        for _ in 0..<10_000 {
            var bytes = good
            for _ in 0..<stream.integer(in: 1..<4) {
                // Most of the time in the header, where the structure is.
                let end = stream.integer(in: 0..<10) < 9 ? min(200, bytes.count) : bytes.count
                let place = stream.integer(in: 0..<max(end, 1))
                switch stream.integer(in: 0..<4) {
                case 0 where !bytes.isEmpty: bytes[place] = UInt8(stream.integer(in: 0..<256))
                case 1 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(stream.integer(in: 0..<8))
                case 2: bytes.insert(UInt8(stream.integer(in: 0..<256)), at: place)
                default: bytes.removeLast(min(bytes.count, stream.integer(in: 0..<40)))
                }
            }
            try Data(bytes).write(to: mutant)
            do {
                let file = try SafetensorsFile(contentsOf: mutant)
                for name in file.names { _ = try? file.tensor(name) }
                read += 1
            } catch is SafetensorsError {
                refused += 1
            }
        }
        #expect(refused + read == 10_000)
        // A change in a name or in the numbers leaves the format valid; most changes do not.
        #expect(refused > 5_000)
        #expect(read > 100)
    }
}
