import DiffusionModels
import Foundation

/// The metrics of the pictures of one caption that has several right pictures, against all reference pictures that the caption describes:
/// those whose text or group it is. Fréchet distance, precision, recall, density and coverage are nil for a caption with fewer than
/// ``smallestSet`` pictures or right pictures: for such captions, compare all their pictures at once with ``PictureEvaluation``.
public struct CaptionMetrics: Codable, Sendable {
    /// The smallest number of pictures, and of right pictures, that are compared as sets: density and coverage need k + 1.
    public static let smallestSet = DensityAndCoverage.usualNeighbours + 1

    /// The caption.
    public let caption: String
    /// The number of pictures.
    public let count: Int
    /// The number of reference pictures.
    public let referenceCount: Int
    /// ``frechetDistance(_:_:)`` in the classifier's features; nil with too few pictures.
    public let frechetDistance: Double?
    /// ``PrecisionAndRecall/precision``; nil with too few pictures.
    public let precision: Double?
    /// ``PrecisionAndRecall/recall``; nil with too few pictures.
    public let recall: Double?
    /// ``DensityAndCoverage/density``; nil with too few pictures.
    public let density: Double?
    /// ``DensityAndCoverage/coverage``; nil with too few pictures.
    public let coverage: Double?
    /// The share of pictures in which the classifier recognises all attributes that the caption determines: those that all right pictures
    /// share. A few right pictures may share one by chance.
    public let alignment: Double
    /// The same share of the reference pictures: the best that can be expected with this classifier.
    public let referenceAlignment: Double
    /// The share of each mode: a combination of attributes that the caption leaves open.
    public let modes: [String: Double]
    /// The shares of the reference's modes, by the same classifier.
    public let referenceModes: [String: Double]
    /// The mean ``sharpness(of:)``.
    public let sharpness: Double
    /// The mean sharpness of the reference pictures.
    public let referenceSharpness: Double
    /// The median over pictures of the root mean square difference, in levels of 0…1, from the nearest training picture.
    public let nearest: Double
    /// The same median for the reference pictures that are not in the training set; nil without any.
    public let referenceNearest: Double?

    /// The entropy of the mode shares, in nats.
    public var modeEntropy: Double { Self.entropy(modes) }
    /// The entropy of the reference's mode shares.
    public var referenceModeEntropy: Double { Self.entropy(referenceModes) }

    private static func entropy(_ shares: [String: Double]) -> Double {
        shares.values.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
    }
}

/// Compares pictures of captions that have several right pictures with all right pictures of a reference, caption by caption.
public struct CaptionEvaluation: Sendable {
    private let classifier: PictureClassifier
    private let reference: MeasuredFolder
    private let training: Features
    /// Each held-out reference picture's distance to the nearest training picture, by its index.
    private let referenceNearest: [Int: Double]

    /// A folder's pictures with all that is computed of them.
    private struct MeasuredFolder: Sendable {
        let entries: [PictureEntry]
        let features: Features
        let attributes: [[String: String]]
        let sharpness: [Double]
        let pixels: Features

        init(_ folder: PictureFolder, _ classifier: PictureClassifier, keptIn store: URL?) throws {
            var extraction = try FeatureExtraction(of: folder, by: classifier, keptIn: store)
            while try extraction.next() != nil {}
            features = try extraction.features()
            attributes = try classifier.attributes(of: features)
            let pictures = try folder.entries.map { try Picture(contentsOf: folder.file($0)) }
            sharpness = pictures.map(SwiftBrushEvaluation.sharpness(of:))
            pixels = try Features(pictures.map { $0.tensor.reshaped(to: [1, $0.width * $0.height * 3]) })
            entries = folder.entries
        }

        func mean(_ values: [Double], _ rows: [Int]) -> Double {
            rows.reduce(0) { $0 + values[$1] } / Double(rows.count)
        }
    }

    /// Creates an evaluation.
    ///
    /// - Parameters:
    ///   - classifier: the classifier, trained on real pictures of the same kinds of attributes.
    ///   - reference: the reference pictures, with attributes. Those of the split "train", or all without splits, are the training pictures
    ///     among which the nearest is searched.
    ///   - store: the folder in which the reference's features are cached; nil keeps them in memory.
    ///
    /// Throws ``EvaluationError`` for a reference without attributes, and `PictureError` for pictures that cannot be read.
    public init(by classifier: PictureClassifier, against reference: PictureFolder, keptIn store: URL? = nil) throws {
        _ = try reference.attributeValues()
        self.classifier = classifier
        let all = try MeasuredFolder(reference, classifier, keptIn: store)
        func isTraining(_ index: Int) -> Bool { (all.entries[index].split ?? "train") == "train" }
        training = try all.pixels.subset(all.entries.indices.filter(isTraining))
        let heldOut = all.entries.indices.filter { !isTraining($0) }
        let distances = heldOut.isEmpty ? [] : try Self.differences(all.pixels.subset(heldOut), fromNearestOf: training)
        referenceNearest = Dictionary(uniqueKeysWithValues: zip(heldOut, distances))
        self.reference = all
    }

    /// The root mean square difference of each picture, in levels of 0…1, from the nearest of a set.
    private static func differences(_ pictures: Features, fromNearestOf training: Features) throws -> [Double] {
        // Tensors of pictures are in −1…1.
        try pictures.squaredDistances(toNearestOf: training).map { ($0 / Double(training.width)).squareRoot() / 2 }
    }

    /// Compares a folder's pictures, for each caption that is the text or the group of a reference picture.
    ///
    /// - Parameters:
    ///   - folder: the pictures with their captions.
    ///   - store: the folder in which their features are cached; nil keeps them in memory.
    ///
    /// Throws ``EvaluationError`` for pictures without such captions, and sizes that differ from the reference's; `PictureError` for pictures
    /// that cannot be read; `LinearAlgebraError` without BLAS; and what the file system throws.
    public func metrics(of folder: PictureFolder, keptIn store: URL? = nil) throws -> [CaptionMetrics] {
        let own = try MeasuredFolder(folder, classifier, keptIn: store)
        guard own.pixels.width == reference.pixels.width else {
            throw EvaluationError.unsuitableContents(
                path: folder.url.path, expected: "pictures of the reference's size", found: "another")
        }
        var known: Set<String> = []
        for entry in reference.entries { known.formUnion([entry.text, entry.group].compactMap(\.self)) }
        let captions = Set(own.entries.compactMap(\.text)).intersection(known).sorted()
        guard !captions.isEmpty else {
            throw EvaluationError.unsuitableContents(
                path: folder.url.path, expected: "captions that are texts or groups of the reference", found: "none")
        }
        let nearest = try Self.differences(own.pixels, fromNearestOf: training)
        return try captions.map { caption in try metrics(of: caption, own, nearest) }
    }

    private func metrics(of caption: String, _ own: MeasuredFolder, _ nearest: [Double]) throws -> CaptionMetrics {
        let rows = own.entries.indices.filter { own.entries[$0].text == caption }
        let right = reference.entries.indices.filter { index in
            reference.entries[index].group == caption || reference.entries[index].text == caption
        }
        let (features, real) = (try own.features.subset(rows), try reference.features.subset(right))
        let isSet = min(rows.count, right.count) >= CaptionMetrics.smallestSet
        let manifold = isSet ? try PrecisionAndRecall(generated: features, reference: real) : nil
        let balls = isSet ? try DensityAndCoverage(generated: features, reference: real) : nil
        // What all right pictures share is what the caption determines.
        let first = reference.entries[right[0]].attributes
        let fixed = first.filter { kind, value in right.allSatisfy { reference.entries[$0].attributes[kind] == value } }
        let open = classifier.kinds.filter { fixed[$0] == nil }
        func alignment(_ set: MeasuredFolder, _ rows: [Int]) -> Double {
            let count = rows.count { row in fixed.allSatisfy { set.attributes[row][$0.key] == $0.value } }
            return Double(count) / Double(rows.count)
        }
        func modes(_ set: MeasuredFolder, _ rows: [Int]) -> [String: Double] {
            let names = rows.map { row in open.compactMap { set.attributes[row][$0] }.joined(separator: " ") }
            return Dictionary(grouping: names) { $0 }.mapValues { Double($0.count) / Double(rows.count) }
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        let heldOut = right.compactMap { referenceNearest[$0] }
        return try CaptionMetrics(
            caption: caption, count: rows.count, referenceCount: right.count,
            frechetDistance: isSet ? frechetDistance(features.statistics(), real.statistics()) : nil,
            precision: manifold?.precision, recall: manifold?.recall, density: balls?.density,
            coverage: balls?.coverage,
            alignment: alignment(own, rows), referenceAlignment: alignment(reference, right), modes: modes(own, rows),
            referenceModes: modes(reference, right), sharpness: own.mean(own.sharpness, rows),
            referenceSharpness: reference.mean(reference.sharpness, right), nearest: median(rows.map { nearest[$0] }),
            referenceNearest: heldOut.isEmpty ? nil : median(heldOut))
    }
}
