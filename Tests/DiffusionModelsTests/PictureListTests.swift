import Foundation
import Testing

@testable import DiffusionModels

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

    @Test("Written and appended entries are read back; default values are not written")
    func roundTrip() throws {
        let full = PictureEntry(
            fileName: "a.png", text: "a \"red\" heart", keywords: ["love", "♥"], group: "a heart",
            attributes: ["ink": "red", "weight": "bold"], split: "held-out", weight: 0.35)
        try PictureList.write([full], in: folder)
        try PictureList.append([PictureEntry(fileName: "a.png", text: "line\nbreak")], in: folder)
        let list = try PictureList(in: folder)
        #expect(list.entries == [full, PictureEntry(fileName: "a.png", text: "line\nbreak")])
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[1] == #"{"file_name":"a.png","text":"line\nbreak"}"#)
    }

    @Test("Only file_name is required; empty lines, carriage returns and other fields are ignored")
    func defaults() throws {
        try write([#"{"file_name": "a.png", "source": 1}"# + "\r", "", "  "])
        #expect(try PictureList(in: folder).entries == [PictureEntry(fileName: "a.png")])
    }

    @Test(
        "The error for an invalid line names it",
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

    private static let hostile = [
        "", "/etc/passwd", "../a.png", "b/../../a.png", "..", ".", "b/", "metadata.jsonl", "./METADATA.jsonl",
        "a\u{7f}.png",
    ]

    @Test(
        "A file name that leads out of the folder is refused when reading",
        arguments: hostile + ["b", "link/a.png", "c.png"])
    func hostileName(name: String) throws {
        let other = FileManager.default.temporaryDirectory.appending(path: "other-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: other) }
        for path in [other, folder.appending(path: "b")] {
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        }
        try Data().write(to: other.appending(path: "a.png"))
        try FileManager.default.createSymbolicLink(at: folder.appending(path: "link"), withDestinationURL: other)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "c.png"), withDestinationURL: other.appending(path: "a.png"))
        let line = try JSONEncoder().encode(["file_name": name])
        try (Data("{\"file_name\": \"a.png\"}\n".utf8) + line).write(to: file)
        let error = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(error?.line == 2 && error?.expected == "a picture in the folder")
    }

    @Test("Names with control characters are refused")
    func controlCharacters() {
        for name in ["a\0.png", "a\n.png", "\r", "a/\t"] {
            #expect(PictureFileName.flaw(of: name) == "a name with control characters")
        }
        #expect(PictureFileName.flaw(of: "a b/…ü.png") == nil)
    }

    @Test("A file name that leads out of the folder is refused before anything is written", arguments: hostile)
    func hostileWriting(name: String) throws {
        let entries = ["a.png", name].map { PictureEntry(fileName: $0) }
        #expect(throws: PictureList.Error.self) { try PictureList.write(entries, in: self.folder) }
        #expect(!PictureList.exists(in: folder))
        try PictureList.write([PictureEntry(fileName: "a.png")], in: folder)
        #expect(throws: PictureList.Error.self) { try PictureList.append(entries, in: self.folder) }
        #expect(try PictureList(in: folder).entries.count == 1)
    }

    @Test("Symbolic links within the folder and in the Hub's cache are followed")
    func links() throws {
        let (contents, snapshot) = (folder.appending(path: "blobs"), folder.appending(path: "snapshot"))
        for path in [contents, snapshot] {
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        }
        try Data().write(to: contents.appending(path: "0123"))
        try Data("{\"file_name\": \"a.png\"}\n".utf8).write(to: contents.appending(path: "4567"))
        for (name, target) in [("a.png", "../blobs/0123"), ("metadata.jsonl", "../blobs/4567")] {
            try FileManager.default.createSymbolicLink(
                atPath: snapshot.appending(path: name).path, withDestinationPath: target)
        }
        #expect(try PictureList(in: snapshot).entries.count == 1)
        try FileManager.default.createSymbolicLink(
            atPath: folder.appending(path: "b.png").path, withDestinationPath: "a.png")
        try write([#"{"file_name": "b.png"}"#])
        #expect(try PictureList(in: folder).entries.count == 1)
    }

    @Test("Lists and lines above the limits, and a folder as a list, are errors")
    func limits() throws {
        try write([#"{"file_name": "a.png"}"#, #"{"file_name": "a.png", "text": "0123456789"}"#])
        var limits = PictureLimits()
        limits.lineBytes = 30
        let line = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder, limits: limits) }
        #expect(line?.description == "\(file.path):2: expected at most 30 bytes, found 44")
        limits.fileBytes = 50
        let list = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder, limits: limits) }
        #expect(list?.found == "expected at most 50 bytes, found 67")
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
        let folder = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(folder?.found == "expected a file, found a folder or device")
    }

    @Test("A missing list and a missing image are errors")
    func absent() throws {
        #expect(!PictureList.exists(in: folder))
        let none = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(none?.line == nil && none?.found == "there is no such file")
        try write([#"{"file_name": "a.png"}"#, #"{"file_name": "b.png"}"#])
        let error = #expect(throws: PictureList.Error.self) { try PictureList(in: self.folder) }
        #expect(error?.line == 2 && error?.found == "no file b.png")
    }
}
