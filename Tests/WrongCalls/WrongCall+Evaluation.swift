import DiffusionModels
import Foundation
import SwiftBrushEvaluation
import Tensor

extension WrongCall {
    /// Metrics of image sets, their features and networks.
    static let evaluation: [WrongCall] = metrics + features + alignments

    private static func features(_ shape: [Int] = [4, 3]) throws -> Features {
        var stream = RandomStream(seed: 3)
        return try Features([stream.normal(shape)])
    }

    private static let metrics: [WrongCall] = [
        WrongCall("FID: different widths", "frechetDistance", "same width", "of 3 and", "of 2") { _ in
            _ = try frechetDistance(features().statistics(), features([4, 2]).statistics())
        },
        WrongCall("FID: one picture", "frechetDistance", "at least 2", "1 of 3") { _ in
            _ = try frechetDistance(features().statistics(), features([1, 3]).statistics())
        },
        WrongCall("FID: no pictures", "frechetDistance", "at least 2", "0 of 3") { _ in
            _ = try frechetDistance(features().statistics(), FeatureStatistics(width: 3))
        },
        WrongCall("covariance: of no pictures", "covariance", "at least 2", "0") { _ in
            _ = try FeatureStatistics(width: 3).covariance
        },
        WrongCall("statistics: saved without pictures", "covariance", "at least 2", "0") { bench in
            try FeatureStatistics(width: 3).save(to: bench.path())
        },
        WrongCall("statistics: a width of 0", "width", "1 to", "0") { _ in _ = try FeatureStatistics(width: 0) },
        WrongCall("statistics: a negative width", "width", "1 to", "-1") { _ in _ = try FeatureStatistics(width: -1) },
        WrongCall("statistics: a huge width", "width", "1 to", "\(Int.max)") { _ in
            _ = try FeatureStatistics(width: .max)
        },
        WrongCall("statistics: features of another width", "[samples, 3]", "[4, 2]") { _ in
            var statistics = try FeatureStatistics(width: 3)
            try statistics.add(.zeros([4, 2]))
        },
        WrongCall("statistics: features of NaN", "finite features", "3") { _ in
            var statistics = try FeatureStatistics(width: 3)
            try statistics.add(Tensor(repeating: .nan, shape: [1, 3]))
        },
        WrongCall("kernel distance: no subsets", "subsets", "1 to", "0 of 2") { _ in
            _ = try KernelDistance(features(), features(), subsets: 0, subsetSize: 2)
        },
        WrongCall("kernel distance: a huge number of subsets", "subsets", "1 to", "\(Int.max)") { _ in
            _ = try KernelDistance(features(), features(), subsets: .max)
        },
        WrongCall("kernel distance: subsets of one", "subsets", "at least 2 vectors", "1 of 1") { _ in
            _ = try KernelDistance(features(), features(), subsets: 1, subsetSize: 1)
        },
        WrongCall("precision: no neighbours", "neighbours", "at least 1", "0") { _ in
            _ = try PrecisionAndRecall(generated: features(), reference: features(), neighbours: 0)
        },
        WrongCall("precision: a huge number of neighbours", "neighbours", "at least 1", "\(Int.max)") { _ in
            _ = try PrecisionAndRecall(generated: features(), reference: features(), neighbours: .max)
        },
        WrongCall("precision: too few pictures", "PrecisionAndRecall", "at least 4", "2 of 3") { _ in
            _ = try PrecisionAndRecall(generated: features([2, 3]), reference: features())
        },
        WrongCall("diversity: one picture", "meanPairwiseDistance", "at least 2", "1 of 3") { _ in
            _ = try meanPairwiseDistance(features([1, 3]))
        },
        WrongCall("report: a metric without a reference", "frechet", "reference", "none") { bench in
            var report = EvaluationReport(of: bench.path())
            try report.measure([.frechet], of: features(), against: nil, network: OwnFeatures())
        },
        WrongCall("report: precision against statistics", "precision-recall", "reference pictures", "statistics") {
            bench in
            var report = EvaluationReport(of: bench.path())
            try report.measure(
                [.precisionRecall], of: features(), against: .statistics(features().statistics()),
                network: OwnFeatures())
        },
        WrongCall("report: saved into a folder that is a file") { bench in
            try EvaluationReport(of: bench.path()).save(to: bench.file("text").appending(path: "report.json"))
        },
    ]

    /// A folder with pictures of these sizes.
    private static func folder(_ bench: Workbench, _ sizes: [(Int, Int)]) throws -> PictureFolder {
        let folder = try bench.emptyFolder()
        for (index, (width, height)) in sizes.enumerated() {
            try PNG.write(
                Picture(width: width, height: height, pixels: Array(repeating: 9, count: 3 * width * height)),
                to: folder.appending(path: "\(index).png"))
        }
        return try PictureFolder(contentsOf: folder)
    }

    private static func extracted(
        _ folder: PictureFolder, croppedTo size: Int? = nil, by network: OwnFeatures = OwnFeatures(),
        keptIn store: URL? = nil
    ) throws {
        var extraction = try FeatureExtraction(of: folder, by: network, croppedTo: size, keptIn: store)
        while try extraction.next() != nil {}
        _ = try extraction.features()
    }

    private static let features: [WrongCall] = [
        WrongCall("features: none", "Features", "[samples, width]", "[]") { _ in _ = try Features([]) },
        WrongCall("features: of different widths", "Features", "equal width", "[1, 2], [1, 3]") { _ in
            _ = try Features([.zeros([1, 2]), .zeros([1, 3])])
        },
        WrongCall("features: of another rank", "Features", "[samples, width]", "[3]") { _ in
            _ = try Features([.zeros([3])])
        },
        WrongCall("features: an empty part", "Features", "[]") { _ in _ = try features().subset([]) },
        WrongCall("features: an index outside them", "Features.subset", "below 4", "4") { _ in
            _ = try features().subset([4])
        },
        WrongCall("features: a negative index", "Features.subset", "below 4", "-1") { _ in
            _ = try features().subset([-1])
        },
        WrongCall("pictures: no folder") { bench in _ = try PictureFolder(contentsOf: bench.path()) },
        WrongCall("pictures: an empty folder", "PNG or JPEG pictures", "none") { bench in
            _ = try PictureFolder(contentsOf: bench.emptyFolder())
        },
        WrongCall("pictures: a split that there is not", "test", "no splits") { bench in
            _ = try folder(bench, [(4, 4)]).split("test")
        },
        WrongCall("pictures: too few captions", "caption for each of 2", "1 lines") { bench in
            _ = try folder(bench, [(4, 4), (4, 4)]).captioned(by: bench.file("one\n"))
        },
        WrongCall("pictures: captions that are missing", "caption per picture", "none for 0.png") { bench in
            _ = try folder(bench, [(4, 4)]).captions()
        },
        WrongCall("extraction: of no pictures", "Features", "[]") { bench in
            try extracted(folder(bench, [(4, 4)]).prefix(0))
        },
        WrongCall("extraction: of the first -1 pictures", "Features", "[]") { bench in
            try extracted(folder(bench, [(4, 4)]).prefix(-1))
        },
        WrongCall("extraction: cropped to 0", "croppedTo", "1 to", "0") { bench in
            try extracted(folder(bench, [(4, 4)]), croppedTo: 0)
        },
        WrongCall("extraction: cropped to -1", "croppedTo", "1 to", "-1") { bench in
            try extracted(folder(bench, [(4, 4)]), croppedTo: -1)
        },
        WrongCall("extraction: a picture that is damaged", "broken.png", "PNG") { bench in
            let good = try folder(bench, [(4, 4)])
            try Data([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]).write(to: good.url.appending(path: "broken.png"))
            try extracted(PictureFolder(contentsOf: good.url))
        },
        WrongCall("extraction: a picture too long and narrow to be resized", "resized", "memory") { bench in
            try extracted(folder(bench, [(1, 4_000_000)]), by: OwnFeatures(size: 4096, framing: .cropped))
        },
        WrongCall("extraction: a network that returns another width", "own features", "[1, 3]", "[1, 2]") { bench in
            try extracted(folder(bench, [(4, 4)]), by: OwnFeatures { _ in .zeros([1, 2]) })
        },
        WrongCall("extraction: a network that returns fewer rows", "own features", "[2, 3]", "[1, 3]") { bench in
            try extracted(folder(bench, [(4, 4), (4, 4)]), by: OwnFeatures { _ in .zeros([1, 3]) })
        },
        WrongCall("extraction: kept, by a network that returns a scalar", "own features", "[1, 3]", "[]") { bench in
            try extracted(
                folder(bench, [(4, 4)]), by: OwnFeatures { $0.sum(alongAxes: [0, 1, 2, 3]) }, keptIn: bench.path())
        },
        WrongCall("Inception: another file") { bench in
            _ = try InceptionV3(contentsOf: bench.safetensors([("a", .zeros([1]))]), resizing: .clean)
        },
        WrongCall("EfficientNet: an empty file", "at least 8 bytes") { bench in
            _ = try EfficientNetLite0(contentsOf: bench.file(""))
        },
        WrongCall("CLIP: an empty folder") { bench in _ = try CLIPAlignment(contentsOf: bench.emptyFolder()) },
    ]

    private static let alignments: [WrongCall] = [
        WrongCall("alignment: too few captions", "own alignment", "1 feature vectors", "4 of 3") { _ in
            _ = try AlignmentScore(features(), captions: ["a"], by: OwnAlignment())
        },
        WrongCall("alignment: no captions", "own alignment", "feature vectors") { _ in
            _ = try AlignmentScore(features([0, 3]), captions: [], by: OwnAlignment())
        },
        WrongCall("alignment: features of another width", "own alignment", "of 3", "4 of 2") { _ in
            _ = try AlignmentScore(features([4, 2]), captions: ["a", "b", "c", "d"], by: OwnAlignment())
        },
        WrongCall("alignment: embeddings of different widths", "own alignment", "[1, width]", "[1, 5]") { _ in
            _ = try AlignmentScore(features([1, 3]), captions: ["a"], by: OwnAlignment(width: 5))
        },
        WrongCall("retrieval: more captions than pictures", "RetrievalScore", "1 to 4", "5") { _ in
            _ = try RetrievalScore(features(), captions: ["a", "b", "c", "d", "e"], by: OwnAlignment())
        },
        WrongCall("retrieval: features of another width", "own alignment", "width 3", "2") { _ in
            _ = try RetrievalScore(features([4, 2]), captions: ["a"], by: OwnAlignment())
        },
        training("captions that are missing", "captioned pictures", "1 captions") { $0.steps = 1 },
        training("a negative number of steps", "training.steps", "0 to", "-1") { $0.steps = -1 },
        training("a width of 0", "training.width", "1 to", "0") { $0.width = 0 },
        training("a learning rate of NaN", "training.learningRate", "0 to 1", "nan") { $0.learningRate = .nan },
        training("a weight decay of -1", "training.weightDecay", "0 to 1", "-1.0") { $0.weightDecay = -1 },
        training("a scale of 1000", "training.scale", "0 to 80", "1000.0") { $0.scale = 1000 },
        WrongCall("alignment: another file") { bench in
            _ = try SmallPictureAlignment(contentsOf: bench.safetensors([("a", .zeros([1]))]), network: OwnFeatures())
        },
    ]

    private static func training(
        _ name: String, _ parts: String..., change: @escaping @Sendable (inout SmallPictureAlignment.Training) -> Void
    ) -> WrongCall {
        WrongCall("alignment's training: \(name)", parts: parts) { _ in
            var training = SmallPictureAlignment.Training()
            change(&training)
            let entries = [PictureEntry(fileName: "a.png", text: "a"), PictureEntry(fileName: "b.png")]
            _ = try SmallPictureAlignment(
                training: entries, features: features([2, 3]), network: OwnFeatures(), training)
        }
    }
}

/// A feature network whose features are any function of the prepared pictures.
private struct OwnFeatures: FeatureNetwork {
    let name = "own features"
    let width = 3
    let preparation: PicturePreparation
    private let output: @Sendable (Tensor) -> Tensor

    init(
        size: Int = 2, framing: PicturePreparation.Framing = .stretched,
        output: @escaping @Sendable (Tensor) -> Tensor = { $0.mean(alongAxes: [1, 2]) }
    ) {
        preparation = PicturePreparation(
            size: size, resampling: Resampling(.bilinear), framing: framing, means: [0, 0, 0], deviations: [1, 1, 1])
        self.output = output
    }

    func callAsFunction(_ pictures: Tensor) -> Tensor { output(pictures) }
}

/// An alignment of features of width 3 whose texts' embeddings have any width.
private struct OwnAlignment: TextPictureAlignment {
    let name = "own alignment"
    let pictureNetwork: any FeatureNetwork = OwnFeatures()
    var width = 3

    func pictureEmbeddings(_ features: Tensor) -> Tensor { features }
    func textEmbeddings(_ captions: [String]) -> Tensor { .ones([captions.count, width]) }
}
