import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushTeachers

@Suite("Folders of captioned pictures")
final class CaptionedPicturesTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "pictures-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ lines: [String]) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "metadata.jsonl"))
    }

    private func write(_ name: String, side: Int) throws {
        let picture = try Picture(width: side, height: side, pixels: Array(repeating: 200, count: 3 * side * side))
        try PNG.write(picture, to: folder.appending(path: name))
    }

    /// The error of reading the folder: the line, what was expected, what was found.
    private func readingError() -> (line: Int?, expected: String, found: String)? {
        do {
            _ = try CaptionedPictures(contentsOf: folder)
        } catch let error as PictureList.Error {
            return (error.line, error.expected, error.found)
        } catch {
            Issue.record("expected a PictureList.Error, found \(error)")
        }
        return nil
    }

    @Test("A saved data set is read back unchanged")
    func roundTrip() throws {
        let set = try SmallSet.pictures()
        try set.save(to: folder)
        let read = try CaptionedPictures(contentsOf: folder)
        #expect(read.captions == set.captions)
        #expect(read.pictures == set.pictures)
        #expect(read.split(.heldOut).map { read.captions[$0].text } == ["blue square top"])
    }

    @Test("Only file_name and text are required")
    func defaults() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a grey square", "source": "elsewhere"}"#, ""])
        let read = try CaptionedPictures(contentsOf: folder)
        #expect(read.captions == [CaptionedPicture(fileName: "a.png", text: "a grey square")])
    }

    @Test("A folder without metadata.jsonl is an error")
    func noList() {
        #expect(readingError()?.found == "there is no such file")
    }

    @Test("A missing picture is an error with its line number")
    func missingPicture() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a"}"#, #"{"file_name": "b.png", "text": "b"}"#])
        let found = try #require(readingError())
        #expect(found == (2, "a picture in the folder", "no file b.png"))
    }

    @Test(
        "A line without text or with an unknown split is an error",
        arguments: [
            (#"{"file_name": "a.png"}"#, "text, the name of a.png", "none"),
            (
                #"{"file_name": "a.png", "text": "a", "split": "validation"}"#, "the split train or held-out",
                "validation"
            ),
        ])
    func badLine(line: String, expected: String, text: String) throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a"}"#, "", line])
        let found = try #require(readingError())
        #expect(found == (3, expected, text))
    }

    @Test("A picture of a different size is an error")
    func otherSize() throws {
        try write("a.png", side: 8)
        try write("b.png", side: 12)
        try write([#"{"file_name": "a.png", "text": "a"}"#, #"{"file_name": "b.png", "text": "b"}"#])
        let found = try #require(readingError())
        #expect(found == (2, "b.png of 8 × 8 pixels, as the first picture", "12 × 12"))
    }

    @Test("Transparent pictures are composited on white, and EXIF orientation is applied")
    func transparentAndTurned() throws {
        let golden = try Fixtures.tensors("pictures/files.safetensors")
        for (name, expected) in [("png-6-8", "white"), ("jpeg-turned-6", "upright")] {
            let file = try #require(golden["\(name).file"]).scalars.map { UInt8($0) }
            try Data(file).write(to: folder.appending(path: "a"))
            try write([#"{"file_name": "a", "text": "a"}"#])
            let read = try CaptionedPictures(contentsOf: folder).pictures[0]
            #expect(try read.pixels.map { Float($0) } == #require(golden["\(name).\(expected)"]).scalars)
        }
    }

    @Test(
        "save(to:) writes nothing if a file name is reserved or outside the folder",
        arguments: ["../a.png", "/tmp/a.png", "link/a.png", "metadata.jsonl"])
    func leadsOut(name: String) throws {
        let inner = folder.appending(path: "inner")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(at: inner.appending(path: "link"), withDestinationURL: folder)
        let picture = try Picture(width: 1, height: 1, pixels: [1, 2, 3])
        let captions = ["b.png", name].map { CaptionedPicture(fileName: $0, text: "a") }
        let set = try CaptionedPictures(captions, [picture, picture])
        let error = #expect(throws: PictureError.self) { try set.save(to: inner) }
        #expect(error?.path == inner.path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["inner"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: inner.path) == ["link"])
    }

    @Test("A file that is not an image is an error")
    func noPicture() throws {
        try Data("text".utf8).write(to: folder.appending(path: "a.png"))
        try write([#"{"file_name": "a.png", "text": "a"}"#])
        let found = try #require(readingError())
        #expect(found.line == 1)
        #expect(found.expected == "a PNG or JPEG file")
    }

    @Test("All pictures held out is an error")
    func nothingToTrainWith() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a", "split": "held-out"}"#])
        #expect(readingError()?.found == "none")
    }

    @Test("The 150 shapes are distinct, and every tenth is held out, with words that occur in the training split")
    func shapes() throws {
        let set = try CaptionedPictures.shapes()
        #expect(set.count == 150)
        #expect(Set(set.captions.map(\.text)).count == 150)
        #expect(Set(set.captions.map(\.fileName)).count == 150)
        #expect(Set(set.pictures.map(\.pixels)).count == 150)
        #expect(set.split(.heldOut).count == 15)
        func words(_ split: CaptionedPicture.Split) -> Set<Substring> {
            Set(set.split(split).flatMap { set.captions[$0].text.split(separator: " ") })
        }
        #expect(words(.heldOut).isSubset(of: words(.train)))
    }
}
