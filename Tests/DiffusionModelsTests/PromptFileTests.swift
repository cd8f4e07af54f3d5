import DiffusionModels
import Foundation
import Testing

@Suite("Prompt files")
struct PromptFileTests {
    @Test("Each line is a prompt; empty lines and surrounding blanks are dropped")
    func reading() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "prompts-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("a red heart\r\n\n  a ♥  \n".utf8).write(to: file)
        #expect(try PromptFile.read(file) == ["a red heart", "a ♥"])
        for bytes in [Data(), Data("\n \n".utf8), Data([0xff, 0xfe, 0x41])] {
            try bytes.write(to: file)
            #expect(throws: ModelError.self) { try PromptFile.read(file) }
        }
        #expect(throws: ModelError.self) { try PromptFile.read(file.appending(path: "nothing")) }
    }
}
