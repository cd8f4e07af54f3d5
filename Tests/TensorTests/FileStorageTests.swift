import Foundation
import Tensor
import Testing

@Suite("Files in memory")
struct FileStorageTests {
    @Test(
        "Tensors of a file that was read into memory survive its truncation",
        arguments: [ScalarType.float32, .bfloat16])
    func survivesTruncation(type: ScalarType) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        let numbers = Tensor((0..<100_000).map { Float($0 % 200) }, shape: [100, 1000])
        try Safetensors.write([("a", numbers), ("b", numbers)], scalarType: type, to: url)
        let file = try SafetensorsFile(contentsOf: url, storage: .memory)
        let shared = try file.mappedTensor("a")
        let handle = try FileHandle(forWritingTo: url)
        try handle.truncate(atOffset: 0)
        try handle.close()
        #expect(shared.scalarType == type)
        #expect(shared.widened().scalars == numbers.scalars)
        #expect(try file.tensor("b").scalars == numbers.scalars)
        #expect(try file.nonFiniteCount("b") == 0)
    }

    @Test("A file is refused before memory is taken for it, if it is larger than the memory available")
    func largerThanMemory() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "hole-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data().write(to: url)
        let handle = try FileHandle(forWritingTo: url)
        try handle.truncate(atOffset: 1 << 42)
        try handle.close()
        #expect {
            try SafetensorsFile(contentsOf: url, storage: .memory)
        } throws: {
            "\($0)".contains("expected a file that fits in") && "\($0)".contains("found 4194304 MiB")
        }
    }
}
