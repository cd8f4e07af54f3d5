import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushEvaluation

/// A network that is never evaluated, because the tests provide features.
private struct Given: FeatureNetwork {
    let name = "given"
    let width = 6
    let preparation = PicturePreparation(
        size: 4, resampling: Resampling(.bilinear), means: [0, 0, 0], deviations: [1, 1, 1])
    func callAsFunction(_ pictures: Tensor) -> Tensor { .zeros([pictures.shape[0], width]) }
}

@Suite("SmallPictureAlignment")
struct AlignmentTests {
    /// Pictures whose features encode one of three colours and one of three shapes; the combination "red square" is held out.
    private static let colours = ["red", "green", "blue"], shapes = ["heart", "circle", "square"]

    private func combinations(heldOut: Bool) -> [(entry: PictureEntry, features: [Float])] {
        (0..<9).filter { ($0 == 2) == heldOut }.map { index in
            let (colour, shape) = (index / 3, index % 3)
            var features = [Float](repeating: 0, count: 6)
            (features[colour], features[3 + shape]) = (1, 1)
            let entry = PictureEntry(
                fileName: "", text: "\(Self.colours[colour]) \(Self.shapes[shape])", keywords: ["simple"],
                group: "a shape")
            return (entry, features)
        }
    }

    private func trained() throws -> SmallPictureAlignment {
        let train = combinations(heldOut: false)
        var training = SmallPictureAlignment.Training()
        (training.width, training.steps, training.featureNoise) = (8, 200, 0.1)
        return try SmallPictureAlignment(
            training: train.map(\.entry),
            features: Features([Tensor(train.flatMap(\.features), shape: [train.count, 6])]), network: Given(), training
        )
    }

    @Test("A held-out combination of words retrieves its picture among all")
    func combination() throws {
        let alignment = try trained()
        let all = combinations(heldOut: true) + combinations(heldOut: false)
        let features = try Features([Tensor(all.flatMap(\.features), shape: [9, 6])])
        let captions = all.compactMap(\.entry.text)
        let retrieval = try RetrievalScore(features, captions: captions, by: alignment)
        #expect(retrieval.ranks[0] == 0 && retrieval.share(within: 1) == 1)
        let own = try AlignmentScore(features, captions: captions, by: alignment)
        let others = try AlignmentScore(features, captions: captions.suffix(4) + captions.prefix(5), by: alignment)
        #expect(own.mean > others.mean + 0.2 && own.count == 9)
        // Word order does not count; unknown words are ignored and reported.
        #expect(alignment.textEmbeddings(["square, RED!"]).scalars == alignment.textEmbeddings(["red square"]).scalars)
        #expect(alignment.unknownWords(in: ["a red zebra"]) == ["zebra"])
    }

    @Test("Saving and reading back changes embeddings only by rounding to 16 bits; other files are rejected")
    func files() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        let before = try trained()
        try before.save(to: url)
        let after = try SmallPictureAlignment(contentsOf: url, network: Given())
        #expect(relativeError(after.textEmbeddings(["red square"]), before.textEmbeddings(["red square"])) < 2e-3)
        let features = Tensor.ones([1, 6])
        #expect(relativeError(after.pictureEmbeddings(features), before.pictureEmbeddings(features)) < 2e-3)
        let efficientNet = try EfficientNetLite0(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/efficientnet-lite0/model.safetensors"))
        #expect(throws: EvaluationError.self) { try SmallPictureAlignment(contentsOf: url, network: efficientNet) }
        #expect(throws: EvaluationError.self) {
            try SmallPictureAlignment(contentsOf: Fixtures.url("frechet/frechet.safetensors"), network: Given())
        }
    }

    @Test("Training rejects pictures without captions")
    func errors() throws {
        let features = try Features([.zeros([2, 6])])
        let entries = ["a.png", "b.png"].map { PictureEntry(fileName: $0) }
        #expect(throws: EvaluationError.self) {
            try SmallPictureAlignment(training: entries, features: features, network: Given())
        }
    }
}
