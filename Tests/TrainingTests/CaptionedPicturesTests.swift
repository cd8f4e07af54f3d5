import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import Training

@Suite("Folders of captioned pictures")
final class CaptionedPicturesTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "pictures-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ lines: [String]) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "metadata.jsonl"))
    }

    private func write(_ name: String, side: Int) throws {
        let picture = Picture(width: side, height: side, pixels: Array(repeating: 200, count: 3 * side * side))
        try PNG.write(picture, to: folder.appending(path: name))
    }

    /// What reading the folder complains of: the line, what was expected, what was found.
    private func complaint() -> (line: Int?, expected: String, found: String)? {
        do {
            _ = try CaptionedPictures(contentsOf: folder)
        } catch let error as PictureList.Error {
            return (error.line, error.expected, error.found)
        } catch {
            Issue.record("expected a PictureList.Error, found \(error)")
        }
        return nil
    }

    @Test("What is saved is read again")
    func roundTrip() throws {
        let set = SmallSet.pictures()
        try set.save(to: folder)
        let read = try CaptionedPictures(contentsOf: folder)
        #expect(read.captions == set.captions)
        #expect(read.pictures == set.pictures)
        #expect(read.split(.heldOut).map { read.captions[$0].text } == ["blue square top"])
    }

    @Test("Only file_name and text must be there")
    func defaults() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a grey square", "source": "elsewhere"}"#, ""])
        let read = try CaptionedPictures(contentsOf: folder)
        #expect(read.captions == [CaptionedPicture(fileName: "a.png", text: "a grey square")])
    }

    @Test("A folder without captions")
    func noList() {
        #expect(complaint()?.found == "no file")
    }

    @Test("A picture that is not there")
    func missingPicture() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a"}"#, #"{"file_name": "b.png", "text": "b"}"#])
        let found = try #require(complaint())
        #expect(found == (2, "the picture b.png", "no file"))
    }

    @Test(
        "A line that training cannot use",
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
        let found = try #require(complaint())
        #expect(found == (3, expected, text))
    }

    @Test("A picture of another size")
    func otherSize() throws {
        try write("a.png", side: 8)
        try write("b.png", side: 12)
        try write([#"{"file_name": "a.png", "text": "a"}"#, #"{"file_name": "b.png", "text": "b"}"#])
        let found = try #require(complaint())
        #expect(found == (2, "b.png of 8 × 8 pixels, as the first picture", "12 × 12"))
    }

    @Test("A file that is no picture")
    func noPicture() throws {
        try Data("text".utf8).write(to: folder.appending(path: "a.png"))
        try write([#"{"file_name": "a.png", "text": "a"}"#])
        let found = try #require(complaint())
        #expect(found.line == 1)
        #expect(found.expected == "a PNG file")
    }

    @Test("Pictures of which none is to be trained with")
    func nothingToTrainWith() throws {
        try write("a.png", side: 8)
        try write([#"{"file_name": "a.png", "text": "a", "split": "held-out"}"#])
        #expect(complaint()?.found == "none")
    }

    @Test("The shapes: 150, every tenth held out, each of its words in others, no two alike")
    func shapes() {
        let set = CaptionedPictures.shapes()
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
