import DiffusionModels
import Foundation
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

@Suite("Reports of runs")
final class RunReportTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "report <\(UUID().uuidString)>")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ text: String, to name: String) throws {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    @Test("A report contains curves, sample grids, settings and inner runs in one well-formed file")
    func page() throws {
        let steps = (1...500).map {
            "{\"step\":\($0),\"loss\":\(100 / Double($0)),\"errors\":{\"a\":1,\"b\":\($0)},\"peakBytes\":7}"
        }
        try write(steps.joined(separator: "\n") + "\n{\"step\":501,\"lo", to: "metrics.jsonl")
        try write("{\"step\":3,\"noise\":0.5}\n", to: "inner/metrics.jsonl")
        try write("{\"text\":\"a < b\"}", to: "configuration.json")
        for step in [100, 200] {
            let sheet = folder.appending(path: "sheets/step-0000\(step).png")
            try FileManager.default.createDirectory(
                at: sheet.deletingLastPathComponent(), withIntermediateDirectories: true)
            try PNG.write(try Picture(width: 1, height: 1, pixels: [1, 2, UInt8(step / 100 * 15)]), to: sheet)
        }
        let file = folder.appending(path: "report.html")
        try RunReport(of: folder).write(to: file)
        let html = try String(contentsOf: file, encoding: .utf8)
        #expect(html.components(separatedBy: "<svg").count - 1 == 3)
        // Two grids and what changed between them.
        #expect(html.components(separatedBy: "src=\"data:image/png;base64,").count - 1 == 3)
        #expect(html.contains("What changed from step 100 to step 200: 5.0 of 255 levels in the mean"))
        #expect(html.contains(", 500 steps</h2>") && html.contains("<h2>inner, 3 steps</h2>"))
        #expect(html.contains("a &lt; b") && !html.contains("report <"))
        #expect(!html.contains("peakBytes") && !html.contains("http") && !html.contains("nan"))
        // The HTML is XML too, except for the declaration and elements without an end tag.
        let xml = html.replacingOccurrences(of: "<!DOCTYPE html>", with: "")
            .replacingOccurrences(of: "<meta [^>]*>", with: "", options: .regularExpression)
            .replacingOccurrences(of: "(<img [^>]*)>", with: "$1/>", options: .regularExpression)
        let tags = try Regex("<(/?)([a-z0-9]+)[^>]*?(/?)>")
        var open: [Substring] = []
        for match in xml.matches(of: tags) {
            let name = match.output[2].substring ?? ""
            if match.output[3].substring == "/" { continue }
            if match.output[1].substring == "/" { #expect(open.popLast() == name) } else { open.append(name) }
        }
        #expect(open.isEmpty)
    }

    /// The heights of a line's points in a chart.
    private func heights(_ style: String, in svg: String) throws -> [Double] {
        let line = try #require(svg.split(separator: "\n").first { $0.contains("class=\"\(style)\"") })
        let places = line.split(separator: "\"").first { $0.hasPrefix("M") }?.dropFirst().split(separator: "L") ?? []
        return places.compactMap { Double($0.split(separator: " ")[1]) }
    }

    @Test("A chart's curve consists of the means of intervals, from left to right, with a moving average over it")
    func chart() throws {
        let flat = (0..<480).map { LineChart.Point(x: Double($0), y: $0 % 2 == 0 ? 0 : 2) }
        // All intervals have the mean 1, halfway between the bottom at 212 and the top at 40.
        let level = LineChart(title: "t", curves: [("", flat)]).svg
        #expect(try heights("raw", in: level) == Array(repeating: 126, count: 240))
        #expect(try heights("smooth", in: level) == Array(repeating: 126, count: 240))
        let jump = LineChart(
            title: "t", unit: "dB", curves: [("", (0..<50).map { .init(x: Double($0), y: $0 == 0 ? 0 : 1) })]
        ).svg
        #expect(jump.contains(">steps</text>") && jump.contains(">dB</text>"))
        // A band from below the axis to its middle.
        let banded = LineChart(title: "t", healthy: -3...0.5, curves: [("", [.init(x: 0, y: 0), .init(x: 1, y: 1)])])
            .svg
        #expect(banded.contains("y=\"126.0\" width=\"390\" height=\"86.0\"><title>healthy runs"))
        #expect(!jump.contains("healthy runs"))
        let (raw, smooth) = (try heights("raw", in: jump), try heights("smooth", in: jump))
        #expect(raw[0] == 212 && raw[1] == 40 && smooth[0] == 212 && smooth[1] == 194.8)
        #expect(smooth.last.map { $0 < 42 } == true)
    }

    @Test("Charts are titled in words, with a unit where the metric has one")
    func names() {
        #expect(MetricName(field: "seconds").title == "Time of a step" && MetricName(field: "seconds").unit == "s")
        #expect(MetricName(field: "someOtherError").title == "Some other error")
        #expect(MetricName(field: "FID").title == "FID" && MetricName(field: "x0Deviation").healthy == 0.9...1.2)
        let expected = [
            "studentLoss": "Student's loss, ½ mean g²", "studentGradientNorm": "Norm of the student's gradient",
            "fakeScoreGradientNorm": "Norm of the fake score's gradient", "discriminatorLoss": "Discriminator's loss",
            "diagnostics": "The loss's own values",
        ]
        for (field, title) in expected { #expect(MetricName(field: field).title == title) }
    }

    @Test("A folder without a run has no report")
    func nothing() {
        #expect(throws: RunError.self) { try RunReport(of: folder) }
    }
}
