import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Models in memory")
struct ModelInMemoryTests {
    @Test("A model that was loaded into memory survives the truncation of all its files")
    func survivesTruncation() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            at: Fixtures.package.appending(path: "Examples/Models/emoji-student"), to: folder)
        let model = try TextToImageModel(contentsOf: folder, storage: .memory)
        let expected = try TextToImageModel(contentsOf: folder).picture(for: "a red heart", seed: 3)
        var count = 0
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "safetensors" {
            let handle = try FileHandle(forWritingTo: file)
            try handle.truncate(atOffset: 0)
            try handle.close()
            count += 1
        }
        #expect(count == 3)
        #expect(try model.picture(for: "a red heart", seed: 3) == expected)
    }
}
