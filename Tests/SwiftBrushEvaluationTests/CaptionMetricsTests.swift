import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import Testing

/// Pictures of squares and bars in two inks, at random places.
@Suite("Metrics by caption")
final class CaptionMetricsTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "captions-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: root) }

    private static func picture(shape: String, ink: String, place: Int, isBlurred: Bool = false) throws -> Picture {
        let (left, top) = (4 + place % 7, 4 + place / 7 % 7)
        let (width, height) = shape == "square" ? (14, 14) : (5, 20)
        var pixels = [UInt8](repeating: 255, count: 32 * 32 * 3)
        for row in top..<top + height {
            for column in left..<left + width {
                // A blurred picture has soft edges: half the ink within two pixels of the border.
                let distance = min(row - top, top + height - 1 - row, column - left, left + width - 1 - column)
                let level: UInt8 = isBlurred && distance < 2 ? 128 : 0
                for colour in 0..<3 where colour != (ink == "red" ? 0 : 2) {
                    pixels[(row * 32 + column) * 3 + colour] = level
                }
            }
        }
        return try Picture(width: 32, height: 32, pixels: pixels)
    }

    private func folder(
        _ name: String, _ count: Int, split: (Int) -> String = { _ in "train" }, isBlurred: Bool = false,
        ink: (Int) -> String = { $0 % 2 == 0 ? "red" : "blue" }
    ) throws -> PictureFolder {
        let folder = root.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var entries: [PictureEntry] = []
        for index in 0..<count {
            let (shape, ink) = (index / 2 % 2 == 0 ? "square" : "bar", ink(index))
            let picture = try Self.picture(
                shape: shape, ink: ink, place: index * 11 + name.utf8.count, isBlurred: isBlurred)
            try PNG.write(picture, to: folder.appending(path: "\(index).png"))
            entries.append(
                PictureEntry(
                    fileName: "\(index).png", text: name == "real" ? "\(ink) \(shape)" : "a \(shape)",
                    group: "a \(shape)",
                    attributes: ["shape": shape, "ink": ink], split: split(index)))
        }
        try PictureList.write(entries, in: folder)
        return try PictureFolder(contentsOf: folder)
    }

    private func classifier(_ real: PictureFolder) throws -> PictureClassifier {
        var training = PictureClassifier.Training()
        (training.epochs, training.batchSize) = (6, 16)
        return try PictureClassifier(training: real, training)
    }

    @Test("The classifier recognises attributes, and its file holds it")
    func recognition() throws {
        let real = try folder("real", 96)
        let classifier = try classifier(real)
        let accuracy = try classifier.accuracy(on: folder("other", 40))
        #expect(accuracy["ink"] == 1 && accuracy["shape"] == 1, "\(accuracy)")
        let file = root.appending(path: "classifier.safetensors")
        try classifier.save(to: file)
        let read = try PictureClassifier(contentsOf: file)
        #expect(read.values == ["ink": ["blue", "red"], "shape": ["bar", "square"]])
        let picture = try classifier.preparation(Self.picture(shape: "bar", ink: "red", place: 3))
            .reshaped(to: [1, 32, 32, 3])
        #expect(classifier(picture) == read(picture))
    }

    @Test("Equal sets agree by every metric; lost modes, blur and copies are seen")
    func captions() throws {
        let real = try folder("real", 96, split: { $0 % 5 == 0 ? "held-out" : "train" })
        let evaluation = try CaptionEvaluation(by: classifier(real), against: real)
        let same = try evaluation.metrics(of: folder("like", 96))
        #expect(same.map(\.caption) == ["a bar", "a square"])
        for metrics in same {
            #expect(metrics.count == 48 && metrics.referenceCount == 48)
            #expect(metrics.alignment == 1 && metrics.referenceAlignment == 1)
            #expect(metrics.modes == ["red": 0.5, "blue": 0.5])
            #expect(abs(metrics.modeEntropy - log(2)) < 1e-12)
            #expect(try #require(metrics.recall) > 0.8 && #require(metrics.coverage) > 0.8)
            #expect(abs(metrics.sharpness / metrics.referenceSharpness - 1) < 0.02)
        }
        let red = try evaluation.metrics(of: folder("only", 96, ink: { _ in "red" }))
        let soft = try evaluation.metrics(of: folder("soft", 96, isBlurred: true))
        for (index, metrics) in red.enumerated() {
            #expect(try metrics.modeEntropy == 0 && #require(metrics.recall) < 0.7)
            #expect(try #require(metrics.frechetDistance) > 3 * #require(same[index].frechetDistance))
        }
        for metrics in soft { #expect(metrics.sharpness < 0.6 * metrics.referenceSharpness && metrics.nearest > 0) }
        let copies = try evaluation.metrics(of: PictureFolder(contentsOf: real.url).captionedByGroup(in: root))
        for metrics in copies { #expect(metrics.nearest == 0) }
    }

    @Test("A caption with a few right images has mode shares and alignment, and no metrics of sets")
    func fewRightPictures() throws {
        let classifier = try classifier(folder("real", 96))
        func metrics(_ name: String, of count: Int, against right: Int) throws -> CaptionMetrics {
            let evaluation = try CaptionEvaluation(by: classifier, against: folder("\(name)-right", right))
            return try #require(evaluation.metrics(of: folder(name, count)).first)
        }
        let few = try metrics("few", of: 40, against: 8)
        #expect(few.referenceCount == 4 && few.count == 20)
        #expect(few.alignment == 1 && few.modes == ["red": 0.5, "blue": 0.5])
        for few in try [few, metrics("four", of: 8, against: 40)] {
            #expect(few.frechetDistance == nil && few.precision == nil && few.recall == nil)
            #expect(few.density == nil && few.coverage == nil)
        }
        let enough = try metrics("six", of: 12, against: 12)
        #expect(enough.count == 6 && enough.frechetDistance != nil && enough.coverage != nil)
        #expect(try JSONDecoder().decode(CaptionMetrics.self, from: JSONEncoder().encode(few)).precision == nil)
        #expect(try !String(decoding: JSONEncoder().encode(few), as: UTF8.self).contains("precision"))

        var table = CaptionTable()
        table.add([few], named: "few")
        table.add([few, enough], named: "both")
        table.add([], named: "none")
        #expect("\(table)".contains("| few | – | – | – | – | – | 1.000 | 1.000 |"))
        #expect("\(table)".contains("| none | – |"))
        #expect(table.rows[1].mean(\.frechetDistance) == enough.frechetDistance)
        let partial = "both: 1 of 2 captions have Fréchet distance, precision, recall, density, coverage"
        #expect("\(table)".contains("\n- \(partial)"))
    }

    @Test("Where the right images have one mode, no entropy is divided by theirs")
    func oneMode() throws {
        let classifier = try classifier(folder("real", 96))
        // Bars are red, and squares red and blue.
        let right = try folder("red bars", 8, ink: { $0 / 2 % 2 == 1 || $0 % 2 == 0 ? "red" : "blue" })
        var table = CaptionTable()
        table.add(
            try CaptionEvaluation(by: classifier, against: right).metrics(of: folder("both inks", 40)),
            named: "both inks")
        #expect(table.rows[0].captions.map { $0.referenceModeEntropy > 0 } == [false, true])
        // Half of the bars have another ink than the caption determines; the squares alone have an entropy.
        #expect("\(table)".contains("| both inks | – | – | – | – | – | 0.750 | 1.000 |"))
        #expect("\(table)".contains("\n- both inks: 1 of 2 captions have mode entropy ÷ reference's"))
    }

    @Test("Unsuitable folders are rejected")
    func errors() throws {
        let real = try folder("real", 24)
        let classifier = try classifier(real)
        let plain = try real.captioned(by: write("a cat\n", times: 24))
        #expect(throws: EvaluationError.self) {
            try CaptionEvaluation(by: classifier, against: real).metrics(of: plain)
        }
        let bare = root.appending(path: "bare")
        try FileManager.default.createDirectory(at: bare, withIntermediateDirectories: true)
        try PNG.write(Self.picture(shape: "bar", ink: "red", place: 0), to: bare.appending(path: "0.png"))
        #expect(throws: EvaluationError.self) {
            try PictureClassifier(training: PictureFolder(contentsOf: bare))
        }
        #expect(throws: EvaluationError.self) {
            try CaptionEvaluation(by: classifier, against: PictureFolder(contentsOf: bare))
        }
    }

    private func write(_ line: String, times: Int) throws -> URL {
        let file = root.appending(path: "lines.txt")
        try Data(String(repeating: line, count: times).utf8).write(to: file)
        return file
    }
}

extension PictureFolder {
    /// The training pictures with their groups as captions.
    fileprivate func captionedByGroup(in root: URL) throws -> PictureFolder {
        let training = filter { $0.split == "train" }
        let file = root.appending(path: "groups.txt")
        try Data(training.entries.map { ($0.group ?? "") + "\n" }.joined().utf8).write(to: file)
        return try training.captioned(by: file)
    }
}
