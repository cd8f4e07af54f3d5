import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

/// The mean colour of a picture as its features, quick to compute.
private final class ColourMeans: FeatureNetwork {
    let name = "colour means"
    let width = 3
    let preparation = PicturePreparation(
        size: 4, resampling: Resampling(.bilinear), means: [0, 0, 0], deviations: [255, 255, 255])
    private let factor: Float
    private let count = Lock(0)
    var pictureCount: Int { count.withLock { $0 } }

    init(factor: Float = 1) { self.factor = factor }

    func callAsFunction(_ pictures: Tensor) -> Tensor {
        count.withLock { $0 += pictures.shape[0] }
        return pictures.mean(alongAxes: [1, 2]) * factor
    }
}

@Suite("FeatureExtraction and PictureFolder")
struct ExtractionTests {
    /// A folder of `count` pictures, each of one grey, removed when `body` is done.
    private func withPictures(_ count: Int, _ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder.appending(path: "in"), withIntermediateDirectories: true)
        for index in 0..<count {
            let picture = try Picture(width: 2, height: 2, pixels: [UInt8](repeating: UInt8(index % 251), count: 12))
            try PNG.write(picture, to: folder.appending(path: "in/\(1000 + index).png"))
        }
        try body(folder)
    }

    private func all(_ folder: URL, _ network: any FeatureNetwork, keptIn store: URL? = nil) throws -> Features {
        var extraction = try FeatureExtraction(
            of: PictureFolder(contentsOf: folder.appending(path: "in")), by: network, keptIn: store)
        while try extraction.next() != nil {}
        return try extraction.features()
    }

    @Test("Features are in the order of the pictures, in memory and in files")
    func order() throws {
        try withPictures(FeatureExtraction.partSize + 40) { folder in
            for store in [nil, folder.appending(path: "features")] {
                let features = try all(folder, ColourMeans(), keptIn: store)
                #expect(features.count == 552)
                let expected = (0..<552).flatMap { [Double](repeating: Double(Float($0 % 251) / 255), count: 3) }
                #expect(zip(features.doubles(0..<552), expected).allSatisfy { abs($0 - $1) < 1e-6 })
            }
        }
    }

    @Test("Cached features are reused, and recomputed for changed pictures, files and networks")
    func resumption() throws {
        try withPictures(FeatureExtraction.partSize + 40) { folder in
            let store = folder.appending(path: "features")
            var extraction = try FeatureExtraction(
                of: PictureFolder(contentsOf: folder.appending(path: "in")), by: ColourMeans(), keptIn: store)
            #expect(try extraction.next() == 512)
            #expect(throws: EvaluationError.self) { try extraction.features() }

            func picturesSeen(_ factor: Float = 1) throws -> Int {
                let network = ColourMeans(factor: factor)
                _ = try all(folder, network, keptIn: store)
                // The first picture is the test pattern that identifies the network.
                return network.pictureCount - 1
            }
            #expect(try picturesSeen() == 40)
            #expect(try picturesSeen() == 0)
            // One picture of the second part changes.
            let changed = try Picture(width: 2, height: 2, pixels: [UInt8](repeating: 9, count: 12))
            try PNG.write(changed, text: ["a": "longer"], to: folder.appending(path: "in/1520.png"))
            #expect(try picturesSeen() == 40)
            // A damaged file, and a different network under the same name.
            try Data("{}".utf8).write(to: store.appending(path: "part-00000.safetensors"))
            #expect(try picturesSeen() == 512)
            #expect(try picturesSeen(2) == 552)
        }
    }

    @Test("PictureFolder reads lists, splits and captions, and rejects invalid ones")
    func lists() throws {
        try withPictures(3) { folder in
            let pictures = folder.appending(path: "in")
            let list = pictures.appending(path: "metadata.jsonl")
            let lines = [
                #"{"file_name": "1002.png", "text": "two", "split": "held-out", "keywords": ["even"], "other": 1}"#, "",
                #"{"file_name": "1000.png"}"#,
            ]
            try lines.joined(separator: "\n").write(to: list, atomically: true, encoding: .utf8)
            let found = try PictureFolder(contentsOf: pictures)
            #expect(found.entries.map(\.fileName) == ["1002.png", "1000.png"])
            #expect(try found.split("held-out").captions() == ["two"])
            #expect(throws: EvaluationError.self) { try found.split("train") }
            #expect(throws: EvaluationError.self) { try found.captions() }
            let captions = folder.appending(path: "captions.txt")
            try "one\ntwo\n".write(to: captions, atomically: true, encoding: .utf8)
            #expect(try found.captioned(by: captions).captions() == ["one", "two"])
            try "one\n".write(to: captions, atomically: true, encoding: .utf8)
            #expect(throws: EvaluationError.self) { try found.captioned(by: captions) }
            for line in ["[]", #"{"text": "a"}"#, #"{"file_name": "absent.png"}"#] {
                try line.write(to: list, atomically: true, encoding: .utf8)
                #expect(throws: PictureList.Error.self) { try PictureFolder(contentsOf: pictures) }
            }
        }
        #expect(throws: EvaluationError.self) { try PictureFolder(contentsOf: Fixtures.url("absent")) }
        #expect(throws: EvaluationError.self) { try PictureFolder(contentsOf: Fixtures.url("frechet")) }
    }

    @Test("A picture that cannot be read stops the extraction with an error that names it")
    func unreadable() throws {
        try withPictures(3) { folder in
            try Data("no picture".utf8).write(to: folder.appending(path: "in/1001.png"))
            let error = #expect(throws: PictureError.self) { try all(folder, ColourMeans()) }
            #expect(error?.path?.hasSuffix("1001.png") == true)
        }
    }
}
