import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

/// A network that is never evaluated, because the tests provide features.
private struct Given: FeatureNetwork {
    let name = "given"
    let width = 4
    let preparation = PicturePreparation(
        size: 8, resampling: Resampling(.bicubic), means: [0, 0, 0], deviations: [1, 1, 1])
    func callAsFunction(_ pictures: Tensor) -> Tensor { .zeros([pictures.shape[0], width]) }
}

@Suite("EvaluationReport")
struct ReportTests {
    private func features(_ count: Int, seed: UInt64) throws -> Features {
        var stream = RandomStream(seed: seed)
        return try Features([stream.normal([count, 4])])
    }

    @Test("Each value has its network, resizing and counts; small samples give warnings")
    func measuring() throws {
        var report = EvaluationReport(of: URL(filePath: "/a"), against: URL(filePath: "/b"), croppedTo: 256)
        let (generated, real) = (try features(1200, seed: 1), try features(1100, seed: 2))
        try report.measure(FeatureMetric.allCases, of: generated, against: .features(real), network: Given())
        #expect(report.warnings.isEmpty)
        #expect(report.measurements.count == 7)
        let frechet = try #require(report.measurements.first)
        #expect(frechet.value == (try frechetDistance(generated.statistics(), real.statistics())))
        #expect(frechet.count == 1200 && frechet.referenceCount == 1100)
        let text = "\(report)"
        for part in ["/a", "/b", "256 × 256", "given", "bicubic to 8 × 8", "1200", "1100", "recall (k = 3)", " ± "] {
            #expect(text.contains(part), "\(part) in \(text)")
        }

        var small = EvaluationReport(of: URL(filePath: "/a"))
        try small.measure(
            [.frechet, .precisionRecall], of: features(3, seed: 1).appending(features(2, seed: 4)),
            against: .features(real), network: Given())
        #expect(small.warnings.count == 2 && small.warnings[0].contains("below 1000"))
    }

    @Test("Saved statistics allow only the Fréchet distance, with a warning that their network is not checked")
    func statistics() throws {
        let saved = try FeatureStatistics(contentsOf: Fixtures.url("statistics/packed.npz"))
        var report = EvaluationReport(of: URL(filePath: "/a"))
        try report.measure([.frechet], of: features(100, seed: 1), against: .statistics(saved), network: Given())
        #expect(report.warnings.count == 1 && report.measurements[0].referenceCount == nil)
        for metric in FeatureMetric.allCases where metric.needsReferencePictures {
            #expect(throws: EvaluationError.self) {
                try report.measure([metric], of: features(100, seed: 1), against: .statistics(saved), network: Given())
            }
            #expect(throws: EvaluationError.self) {
                try report.measure([metric], of: features(100, seed: 1), against: nil, network: Given())
            }
        }
    }

    @Test("The Fréchet distance between halves of one set is that of random samples")
    func floor() throws {
        var report = EvaluationReport(of: URL(filePath: "/a"))
        let real = try features(4000, seed: 3)
        try report.measure([.frechetFloor], of: real, against: .features(real), network: Given())
        // Two samples of 2,000 normal vectors in four dimensions: 4 · 2/2000 for the mean, less for the covariance.
        #expect((0.0005...0.02).contains(report.measurements[0].value))
        #expect(report.measurements[0].count == 2000 && report.measurements[0].referenceCount == 2000)
    }

    @Test("A report is saved as JSON and read back unchanged")
    func json() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: url) }
        var report = EvaluationReport(of: URL(filePath: "/a"))
        try report.measure([.diversity], of: features(10, seed: 1), against: nil, network: Given())
        try report.save(to: url)
        let read = try JSONDecoder().decode(EvaluationReport.self, from: Data(contentsOf: url))
        #expect(
            read.measurements == report.measurements && read.warnings == report.warnings && read.warnings.count == 1)
    }
}
