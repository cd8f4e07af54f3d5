import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import SwiftBrushEvaluation

/// The mean colour of a picture as its features, quick to compute.
private struct MeanColour: FeatureNetwork {
    let name = "mean colour"
    let width = 3
    let preparation = PicturePreparation(
        size: 2, resampling: Resampling(.bilinear), means: [0, 0, 0], deviations: [255, 255, 255])
    func callAsFunction(_ pictures: Tensor) -> Tensor { pictures.mean(alongAxes: [1, 2]) }
}

@Suite("EvaluationTable")
final class EvaluationTableTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "tables-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: root) }

    /// A folder of pictures of one colour each, `spread` apart.
    private func pictures(_ name: String, _ texts: [String], groups: [String?]? = nil, spread: Int) throws
        -> PictureFolder
    {
        let folder = root.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var entries: [PictureEntry] = []
        for (index, text) in texts.enumerated() {
            let picture = try Picture(
                width: 2, height: 2,
                pixels: (0..<12).map { UInt8(128 + spread * (($0 % 3 + 2) * (index + 1) * 7 % 19 - 9)) })
            try PNG.write(picture, to: folder.appending(path: "\(index).png"))
            entries.append(PictureEntry(fileName: "\(index).png", text: text, group: groups?[index]))
        }
        try PictureList.write(entries, in: folder)
        return try PictureFolder(contentsOf: folder)
    }

    /// Twenty animals, ten fruit, and three clocks, which are too few for precision and recall.
    private func reference() throws -> PictureFolder {
        let groups = (0..<33).map { $0 < 20 ? "an animal" : $0 < 30 ? "a fruit" : "a clock" }
        return try pictures("real", groups.indices.map { "thing \($0)" }, groups: groups, spread: 12)
    }

    private func coarse(_ name: String, spread: Int) throws -> PictureFolder {
        try pictures(
            name, (0..<28).map { $0 < 12 ? "an animal" : $0 < 24 ? "a fruit" : "a clock" }, spread: spread)
    }

    @Test("A row is the folder's own report, and is written as Markdown and JSON")
    func rows() throws {
        let real = try reference()
        let evaluation = try PictureEvaluation(by: MeanColour(), against: .pictures(real), croppedTo: 2)
        var table = EvaluationTable()
        let folders = try [coarse("first/a", spread: 12), coarse("first/b", spread: 2)]
        for (folder, name) in zip(folders, EvaluationTable.names(of: folders.map(\.url))) {
            let features = try evaluation.features(of: folder)
            table.add(try evaluation.report(of: folder, features), named: name)
            var alone = EvaluationReport(of: folder.url, against: real.url, croppedTo: 2)
            try alone.measure(
                FeatureMetric.allCases, of: features, against: .features(evaluation.features(of: real)),
                network: MeanColour())
            #expect(table.rows.last?.report.measurements == alone.measurements)
        }
        #expect(table.rows.map(\.name) == ["a", "b"])
        let lines = "\(table)".split(separator: "\n").map(String.init)
        let metrics = table.rows[0].report.measurements.map(\.metric)
        let own = metrics.filter { !$0.contains("of the reference") }
        #expect(lines[0] == "| pictures | \(own.joined(separator: " | ")) | count | reference count |")
        let distance = try #require(table.rows[0].report["Fréchet distance"]).value
        #expect(lines[2].hasPrefix("| a | \(String(format: "%.4g", distance)) |") && lines[2].hasSuffix("| 28 | 33 |"))
        let notes = lines.filter { $0.hasPrefix("- ") }
        #expect(notes[0] == "- reference: \(real.url.path)")
        #expect(notes.contains { $0.hasPrefix("- diversity of the reference: ") && $0.hasSuffix("from 33 pictures") })
        #expect(notes.contains { $0.contains("mean colour, ") })
        // Each warning appears once, though both rows have it.
        #expect(notes.filter { $0 == "- warning: precision (k = 3): unreliable below 1000 images" }.count == 1)
        #expect(!notes.contains { $0.contains("different counts") })

        let file = root.appending(path: "table.json")
        try table.save(to: file)
        let read = try JSONDecoder().decode(EvaluationTable.self, from: Data(contentsOf: file))
        #expect("\(read)" == "\(table)")
    }

    @Test("Each group is compared only with reference pictures of the same group; the mean is over groups")
    func groups() throws {
        let real = try reference()
        let evaluation = try PictureEvaluation(by: MeanColour(), against: .pictures(real))
        var table = EvaluationTable()
        for (name, folder) in [("wide", try coarse("wide", spread: 12)), ("narrow", try coarse("narrow", spread: 1))] {
            let features = try evaluation.features(of: folder)
            for report in try evaluation.reportsByGroup(of: folder, features) { table.add(report, named: name) }
        }
        #expect(
            table.rows.map(\.report.group) == ["a clock", "a fruit", "an animal", "a clock", "a fruit", "an animal"])
        let animals = table.rows[2].report
        let all = try evaluation.features(of: real)
        let (own, others) = (
            try evaluation.features(of: coarse("wide", spread: 12)).subset(Array(0..<12)), try all.subset(Array(0..<20))
        )
        #expect(animals["recall (k = 3)"]?.value == (try PrecisionAndRecall(generated: own, reference: others).recall))
        #expect(animals["diversity of the reference"]?.value == (try meanPairwiseDistance(others)))
        #expect(animals["diversity"]?.count == 12 && animals["recall (k = 3)"]?.referenceCount == 20)
        // Nearly equal pictures are less diverse.
        let (wide, narrow) = (animals["diversity"]?.value ?? 0, table.rows[5].report["diversity"]?.value ?? 0)
        #expect(narrow < wide)
        let clock = table.rows[0].report
        #expect(clock["recall (k = 3)"] == nil && clock["diversity"] != nil)
        let lines = "\(table)".split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("| pictures | group | ") && lines[0].contains("diversity of the reference"))
        let mean = (0..<3).compactMap { table.rows[$0].report["diversity"]?.value }.reduce(0, +) / 3
        #expect(lines[5].hasPrefix("| wide | mean | ") && lines[5].contains(String(format: "%.4g", mean)))
        #expect(lines.contains("- warning: a clock: too few pictures for precision and recall"))
    }

    @Test("reportsByGroup requires groups in the reference and matching captions; unequal counts give a warning")
    func unsuitable() throws {
        let real = try reference()
        let others = try pictures("others", ["a red heart", "a cat"], spread: 12)
        let evaluation = try PictureEvaluation(by: MeanColour(), against: .pictures(real))
        let features = try evaluation.features(of: others)
        let error = #expect(throws: EvaluationError.self) { try evaluation.reportsByGroup(of: others, features) }
        #expect(error?.description.contains("a cat, a red heart") == true)
        let alone = try PictureEvaluation(by: MeanColour())
        #expect(throws: EvaluationError.self) { try alone.reportsByGroup(of: others, features) }
        var table = EvaluationTable()
        table.add(try alone.report(of: others, features), named: "others")
        table.add(try alone.report(of: real, alone.features(of: real)), named: "real")
        #expect("\(table)".contains("- warning: rows with different counts cannot be compared"))
    }

    @Test("Names are the shortest path ends that differ")
    func names() {
        let paths = ["/runs/a/seen", "/runs/b/seen", "/runs/b/held-out"].map { URL(filePath: $0) }
        #expect(EvaluationTable.names(of: paths) == ["a/seen", "b/seen", "b/held-out"])
        #expect(EvaluationTable.names(of: [paths[0], paths[2]]) == ["seen", "held-out"])
        #expect(EvaluationTable.names(of: [URL(filePath: "/x")]) == ["x"])
        #expect(EvaluationTable.names(of: [paths[0], paths[0]]) == ["runs/a/seen", "runs/a/seen"])
    }
}
