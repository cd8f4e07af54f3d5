import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// The code of the articles of SwiftBrushEvaluation, block by block; `ArticleTests` compares it with the articles.
@Suite("Articles of SwiftBrushEvaluation")
struct EvaluationArticles {
    private let temporary = TemporaryFolder()
    private let network: EfficientNetLite0

    init() throws {
        network = try EfficientNetLite0(
            contentsOf: URL(filePath: "Examples/Models/efficientnet-lite0/model.safetensors"))
    }

    @Test("A report on two folders")
    func report() throws {
        let (real, generated) = (temporary.file("real"), temporary.file("generated"))
        for (index, folder) in [real, generated].enumerated() {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for number in 0..<3 {
                var stream = RandomStream(seed: UInt64(10 * index + number))
                let picture = try Picture(stream.uniform([32, 32, 3], in: -1..<1))
                try PNG.write(picture, to: folder.appending(path: "\(number).png"))
            }
        }
        let network = try EfficientNetLite0(
            contentsOf: URL(filePath: "Examples/Models/efficientnet-lite0/model.safetensors"))
        let evaluation = try PictureEvaluation(by: network, against: .pictures(PictureFolder(contentsOf: real)))
        let pictures = try PictureFolder(contentsOf: generated)
        let report = try evaluation.report(
            of: pictures, evaluation.features(of: pictures), metrics: [.frechet, .diversity])
        for measurement in report.measurements { print(measurement.metric, measurement.value, measurement.network) }
        report.warnings.forEach { print("warning:", $0) }
        #expect(report["Fréchet distance"] != nil && !report.warnings.isEmpty)
    }

    func fid(of generated: URL, against statistics: URL, weights: URL) throws -> Double? {
        let inception = try InceptionV3(contentsOf: weights, resizing: .clean)
        let evaluation = try PictureEvaluation(by: inception, against: .statistics(statistics))
        let pictures = try PictureFolder(contentsOf: generated)
        let report = try evaluation.report(of: pictures, evaluation.features(of: pictures))
        return report["Fréchet distance"]?.value
    }

    func scored(_ folder: URL, captions: URL, by clip: URL) throws -> EvaluationReport {
        let evaluation = try PictureEvaluation(by: network, alignment: CLIPAlignment(contentsOf: clip))
        let pictures = try PictureFolder(contentsOf: folder).captioned(by: captions)
        return try evaluation.report(of: pictures, evaluation.features(of: pictures))
    }

    /// Its published weights, of 95 MB, are not in the repository.
    @Test("FID names the weights that it lacks")
    func weights() throws {
        let missing = temporary.file("missing")
        #expect(throws: SafetensorsError.self) { try fid(of: missing, against: missing, weights: missing) }
    }

    @Test("A CLIP score")
    func clipScore() throws {
        let (folder, clip, captions) = (
            temporary.file("pictures"), temporary.file("clip"), temporary.file("captions.txt")
        )
        for folder in [folder, clip] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        for name in ["clip/transformers", "tokenizer/small"] {
            for file in try FileManager.default.contentsOfDirectory(atPath: Fixtures.url(name).path) {
                try FileManager.default.copyItem(
                    at: Fixtures.url("\(name)/\(file)"), to: clip.appending(path: file))
            }
        }
        for number in 0..<2 {
            try PNG.write(
                Picture(width: 32, height: 32, pixels: Array(repeating: UInt8(100 * number), count: 3072)),
                to: folder.appending(path: "\(number).png"))
        }
        try "a red heart\na dog\n".write(to: captions, atomically: true, encoding: .utf8)
        let score = try #require(scored(folder, captions: captions, by: clip)["alignment"])
        #expect(score.network.hasPrefix("CLIP") && abs(score.value) <= 1)
    }

    @Test("Single metrics")
    func metrics() throws {
        var stream = RandomStream(seed: 0)
        let (first, second) = try (Features([stream.normal([64, 8])]), Features([stream.normal([64, 8])]))
        let distance = try frechetDistance(first.statistics(), second.statistics())
        let kernel = try KernelDistance(first, second)
        print(distance, kernel.mean)
        #expect(distance > 0 && distance < 5)
    }
}
