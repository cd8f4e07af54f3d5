import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// Files that are not safetensors files, and headers beyond the limits.
@Suite("Safetensors: other formats and limits")
final class ForeignFormatTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "a folder's \(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func file(_ bytes: Data, named name: String = "file.safetensors") throws -> URL {
        let url = folder.appending(path: name)
        try bytes.write(to: url)
        return url
    }

    static let formats: [(bytes: [UInt8], format: ForeignFormat)] = [
        (Array("PK\u{3}\u{4}".utf8) + Array(repeating: 0, count: 26) + Array("archive/data.pkl".utf8), .pickle),
        (Array("PK\u{3}\u{4}".utf8) + Array(repeating: 0, count: 26) + Array("features.npy".utf8), .zip),
        ([0x80, 2, 0x8a, 10] + Array("lFnJ0".utf8), .pickle), ([0x80, 4, 0x95], .pickle),
        (Array("GGUF".utf8) + [3, 0, 0, 0, 1, 0, 0, 0], .gguf),
        (Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n".utf8), .lfsPointer),
        (Array("<!DOCTYPE html><html><body>404</body></html>".utf8), .webPage),
        (Array("\n <html>".utf8), .webPage), (Array(#"{"error":"Repository not found"}"#.utf8), .json),
        ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], .gzip), ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], .picture),
        ([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46], .picture),
    ]

    @Test("A file of another format is reported by the name of its format", arguments: formats.indices)
    func formats(index: Int) throws {
        let (bytes, format) = Self.formats[index]
        let url = try file(Data(bytes))
        #expect(throws: SafetensorsError.otherFormat(path: url.path, format: format)) {
            try SafetensorsFile(contentsOf: url)
        }
    }

    @Test("A pickle's error ends with a conversion command, in place or next to a file of another name")
    func conversion() throws {
        let pickle = Data([0x80, 2, 0x7d, 0x71, 0, 0x2e])
        for (name, target) in [("a.safetensors", "a.safetensors"), ("b.pt", "b.safetensors"), ("c", "c.safetensors")] {
            let url = try file(pickle, named: name)
            let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: url) }
            let quoted = { (name: String) in
                "'" + self.folder.appending(path: name).path.replacing("'", with: #"'\''"#) + "'"
            }
            let text = "\(try #require(error))"
            #expect(text.contains("a Python pickle") && text.contains("python -c \""))
            #expect(text.hasSuffix("\" \(quoted(name)) \(quoted(target))"), "\(text)")
            #expect(text.contains("os.rename") == (name == target))
        }
    }

    private func header(_ text: String, data: Int = 0) throws -> URL {
        try file(
            withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) } + Data(text.utf8) + Data(count: data)
        )
    }

    @Test(
        "Shapes with a negative extent, or with a product of extents that overflows in any order of axes, are refused",
        arguments: [
            "0,4611686018427387904,4611686018427387904", "4611686018427387904,0,4611686018427387904",
            "9223372036854775807,9223372036854775807,0", "0,-1", "-9223372036854775808,0",
        ])
    func emptyAndHuge(shape: String) throws {
        let url = try header(#"{"a":{"dtype":"F32","shape":[\#(shape)],"data_offsets":[0,0]}}"#)
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: url) }
    }

    @Test("Headers with too many levels or axes are refused")
    func depth() throws {
        let brackets = String(repeating: "[", count: 100_000)
        let axes = Array(repeating: "1", count: 65).joined(separator: ",")
        for text in [
            #"{"a":\#(brackets)"#, #"{"a":{"dtype":"F32","shape":\#(brackets)\#(brackets.replacing("[", with: "]"))}}"#,
            #"{"a":{"dtype":"F32","shape":[\#(axes)],"data_offsets":[0,4]}}"#,
        ] {
            let url = try header(text, data: 4)
            #expect(throws: SafetensorsError.self) { try SafetensorsFile(contentsOf: url) }
        }
    }

    @Test("All 8-bit floating-point numbers equal PyTorch's", arguments: ["e4m3", "e5m2"])
    func eightBits(name: String) throws {
        let file = try SafetensorsFile(contentsOf: Fixtures.url("eight-bit/numbers.safetensors"))
        let expected = try file.tensor("\(name).float").scalars
        let mapped = try file.mappedTensor(name)
        #expect(mapped.scalarType == .bfloat16)
        for found in [try file.tensor(name).scalars, mapped.scalars, mapped.sliced(axis: 0, 0..<256).scalars] {
            #expect(found.count == 256)
            #expect(zip(found, expected).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) })
        }
        #expect(try file.nonFiniteCount(name) == expected.count { !$0.isFinite })
    }
}
