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
            try PNG.write(try Picture(width: 1, height: 1, pixels: [1, 2, 3]), to: sheet)
        }
        let file = folder.appending(path: "report.html")
        try RunReport(of: folder).write(to: file)
        let html = try String(contentsOf: file, encoding: .utf8)
        #expect(html.components(separatedBy: "<svg").count - 1 == 3)
        #expect(html.components(separatedBy: "src=\"data:image/png;base64,").count - 1 == 2)
        #expect(html.contains(", 500 steps</h2>") && html.contains("<h2>inner, 3 steps</h2>"))
        #expect(html.contains("a &lt; b") && !html.contains("report <"))
        #expect(!html.contains("peakBytes") && !html.contains("http") && !html.contains("nan"))
        // The HTML is XML too, except for the declaration and two elements without an end tag.
        let xml = html.replacingOccurrences(of: "<!DOCTYPE html>", with: "")
            .replacingOccurrences(of: "<meta charset=\"utf-8\">", with: "")
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

    @Test("A chart's curve consists of the means of intervals, from left to right")
    func chart() throws {
        let points = (0..<480).map { LineChart.Point(x: Double($0), y: $0 % 2 == 0 ? 0 : 2) }
        let svg = LineChart(title: "t", curves: [("", points)]).svg
        let line = try #require(svg.split(separator: "\n").first { $0.contains("stroke-width") })
        let places = line.split(separator: "\"").first { $0.hasPrefix("M") }?.dropFirst().split(separator: "L") ?? []
        #expect(places.count == 240)
        // All intervals have the mean 1, halfway between the bottom at 214 and the top at 26.
        #expect(Set(places.map { $0.split(separator: " ")[1] }) == ["120.0"])
    }

    @Test("A folder without a run has no report")
    func nothing() {
        #expect(throws: RunError.self) { try RunReport(of: folder) }
    }
}
