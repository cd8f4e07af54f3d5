import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

/// The picture resized to one pixel as its features.
private struct FirstPixels: FeatureNetwork {
    let name = "first pixels"
    let width = 3
    let preparation = PicturePreparation(
        size: 1, resampling: Resampling(.bilinear), means: [0, 0, 0], deviations: [1, 1, 1])
    func callAsFunction(_ pictures: Tensor) -> Tensor { pictures.mean(alongAxes: [1, 2]) }
}

@Suite("PictureFolder")
final class PictureFolderTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "folder-\(UUID().uuidString)")
    private let files = FileManager.default

    init() throws { try write(["pictures/b.png", "pictures/inner/a.JPG", "pictures/inner/deep/c.jpeg"]) }
    deinit { try? files.removeItem(at: folder) }

    private func write(_ names: [String], side: Int = 2) throws {
        for name in names {
            let file = folder.appending(path: name)
            try files.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            let picture = try Picture(width: side, height: side, pixels: Array(repeating: 7, count: 3 * side * side))
            try PNG.write(picture, to: file)
        }
    }

    private func link(_ name: String, to target: String) throws {
        try files.createSymbolicLink(atPath: folder.appending(path: name).path, withDestinationPath: target)
    }

    private func names(_ path: String) throws -> [String] {
        try PictureFolder(contentsOf: folder.appending(path: path)).entries.map(\.fileName)
    }

    @Test("Links to folders are followed, with and without a trailing slash, and inside a folder")
    func links() throws {
        let expected = ["b.png", "inner/a.JPG", "inner/deep/c.jpeg"]
        #expect(try names("pictures") == expected)
        try link("link", to: "pictures")
        #expect(try names("link") == expected)
        #expect(try names("link/") == expected)
        try files.createDirectory(at: folder.appending(path: "outer"), withIntermediateDirectories: true)
        try link("outer/x", to: "../pictures")
        #expect(try names("outer") == expected.map { "x/\($0)" })
        try link("outer/y.png", to: "../pictures/b.png")
        #expect(try names("outer") == expected.map { "x/\($0)" } + ["y.png"])
    }

    @Test("Cyclic links end, and each folder is searched once, under its own name")
    func circles() throws {
        let expected = try names("pictures")
        try link("pictures/inner/up", to: "..")
        try link("pictures/a", to: "inner")
        try link("pictures/self", to: "self")
        #expect(try names("pictures") == expected)
    }

    @Test("Hidden files and those of macOS, Jupyter and Windows are ignored; unsupported formats are counted")
    func otherFiles() throws {
        let expected = try names("pictures")
        try write(
            [
                "._b.png", ".hidden.png", ".ipynb_checkpoints/b-checkpoint.png", "__MACOSX/._b.png", "__MACOSX/d.png",
                ".DS_Store", "Thumbs.db", "notes.txt", "inner/e.webp", "f.WEBP", "g.tif", "png",
            ].map { "pictures/\($0)" })
        let found = try PictureFolder(contentsOf: folder.appending(path: "pictures"))
        #expect(found.entries.map(\.fileName) == expected)
        #expect(found.leftOut == ["webp": 2, "tif": 1])
        #expect(found.warnings == ["\(found.url.path): skipped 1 .tif, 2 .webp; only PNG and JPEG are read"])
        #expect(found.prefix(1).warnings == found.warnings)
    }

    @Test("The error for a folder without pictures lists unsupported formats")
    func none() throws {
        try write(["empty/a.bmp"])
        let error = #expect(throws: EvaluationError.self) { try names("empty") }
        #expect(error?.description.hasSuffix("expected PNG or JPEG pictures, found 1 .bmp") == true)
    }

    @Test("Formats and sizes that differ from the reference's give warnings")
    func survey() throws {
        try write(["real/a.png"], side: 4)
        let golden = try Fixtures.tensors("pictures/files.safetensors")
        let jpeg = Data(try #require(golden["jpeg-444.file"]).scalars.map { UInt8($0) })
        try jpeg.write(to: folder.appending(path: "real/b.png"))
        let pictures = try PictureFolder(contentsOf: folder.appending(path: "pictures"))
        let reference = try PictureFolder(contentsOf: folder.appending(path: "real"))
        let own = PictureSurvey(of: pictures)
        #expect(own.warnings(against: own, comparesSizes: true).isEmpty)
        let warnings = own.warnings(against: PictureSurvey(of: reference), comparesSizes: true)
        #expect(
            warnings == [
                "images are PNG, the reference 1 JPEG and 1 PNG: JPEG compression counts as a difference",
                "images are 2 × 2, the reference 4–21 × 4–17 pixels: resizing counts as a difference",
            ])
        #expect(own.warnings(against: PictureSurvey(of: reference), comparesSizes: false) == [warnings[0]])
        let evaluation = try PictureEvaluation(by: FirstPixels(), against: .pictures(reference))
        #expect(evaluation.warnings(of: pictures) == warnings)
        let report = try evaluation.report(of: pictures, evaluation.features(of: pictures), metrics: [.diversity])
        #expect(report.warnings.prefix(2) == warnings[...])
        let cropped = try PictureEvaluation(by: FirstPixels(), against: .pictures(reference), croppedTo: 2)
        #expect(cropped.warnings(of: pictures) == [warnings[0]])
    }
}
