import DiffusionModels
import Foundation
import Testing

@Suite("Lists of pictures")
final class PictureListTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "list-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data().write(to: folder.appending(path: "a.png"))
    }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private var file: URL { folder.appending(path: "metadata.jsonl") }

    private func write(_ lines: [String]) throws { try Data(lines.joined(separator: "\n").utf8).write(to: file) }

    @Test("What is written and added is read again; defaults are not written")
    func roundTrip() throws {
        let full = PictureEntry(
            fileName: "a.png", text: "a \"red\" heart", keywords: ["love", "♥"], group: "a heart", split: "held-out",
            weight: 0.35)
        try PictureList.write([full], in: folder)
        try PictureList.append([PictureEntry(fileName: "a.png", text: "line\nbreak")], in: folder)
        let list = try PictureList(in: folder)
        #expect(list.entries == [full, PictureEntry(fileName: "a.png", text: "line\nbreak")])
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[1] == #"{"file_name":"a.png","text":"line\nbreak"}"#)
    }

    @Test("Only file_name must be there; empty lines, carriage returns and other fields are passed over")
    func defaults() throws {
        try write([#"{"file_name": "a.png", "source": 1}"# + "\r", "", "  "])
        #expect(try PictureList(in: folder).entries == [PictureEntry(fileName: "a.png")])
    }

    @Test(
        "A line that is no such object is named",
        arguments: [
            "not JSON", "[1, 2]", #"{"text": "a"}"#, #"{"file_name": "a.png", "keywords": "a"}"#,
            #"{"file_name": "a.png", "weight": -1}"#,
        ])
    func badLine(line: String) throws {
        try write([#"{"file_name": "a.png"}"#, "", line])
        let error = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(error?.line == 3 && error?.found == line)
        #expect(error?.description.hasPrefix("\(file.path):3: expected an object with file_name") == true)
    }

    @Test("A folder without a list, and a picture that is not there")
    func absent() throws {
        #expect(!PictureList.exists(in: folder))
        let none = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(none?.line == nil && none?.found == "no file")
        try write([#"{"file_name": "a.png"}"#, #"{"file_name": "b.png"}"#])
        let error = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(error?.line == 2 && error?.expected == "the picture b.png")
    }
}
