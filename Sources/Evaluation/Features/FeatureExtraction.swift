import DiffusionModels
import Foundation
import Tensor

/// Features of a folder's pictures, made part by part: pull ``next()`` until it gives nil, then take ``features()``.
///
/// With a folder to keep them in each part is written to a file of its own, of which no more than the asked-for vectors come back into
/// memory; what lies there already is taken over when network, preparation, and the pictures' names, sizes and dates are the same, so
/// that an extraction that was stopped goes on.
public struct FeatureExtraction {
    /// How many pictures a part has.
    static let partSize = 512
    /// How many pictures are in memory at a time.
    private static let batchSize = 32

    private let pictures: PictureFolder
    private let network: any FeatureNetwork
    private let croppedSize: Int?
    private let store: FeatureStore?
    private var parts: [Tensor] = []

    /// An extraction.
    ///
    /// - Parameters:
    ///   - pictures: what is looked at.
    ///   - network: what looks.
    ///   - croppedSize: a side in pixels to which the middle square of each picture is brought first, as the COCO-2014 protocol does.
    ///   - folder: where features are kept; nil for in memory.
    ///
    /// Throws what the file system throws.
    public init(
        of pictures: PictureFolder, by network: any FeatureNetwork, croppedTo croppedSize: Int? = nil,
        keptIn folder: URL? = nil
    ) throws {
        (self.pictures, self.network, self.croppedSize) = (pictures, network, croppedSize)
        store = try folder.map { try FeatureStore($0, network: network, croppedSize: croppedSize) }
    }

    /// Makes, or finds, the next part. Gives how many pictures are done, nil when all were before.
    ///
    /// Throws `PictureError` for a picture that cannot be read, and what the file system throws.
    public mutating func next() throws -> Int? {
        let start = parts.count * Self.partSize
        guard start < pictures.entries.count else { return nil }
        let range = start..<min(start + Self.partSize, pictures.entries.count)
        let files = pictures.entries[range].map(pictures.file)
        if let kept = try store?.features(part: parts.count, of: files) {
            parts.append(kept)
        } else {
            let batches = try stride(from: 0, to: files.count, by: Self.batchSize).map { first in
                network(try prepared(files[first..<min(first + Self.batchSize, files.count)]))
            }
            let features = Tensor.concatenate(batches, axis: 0)
            parts.append(try store?.keep(features, part: parts.count, of: files) ?? features)
        }
        return range.upperBound
    }

    /// All features, once ``next()`` gave nil. Throws ``EvaluationError`` when something is still to do.
    public func features() throws -> Features {
        let features = try Features(parts)
        guard features.count == pictures.entries.count else {
            throw EvaluationError.unsuitableFeatures(
                metric: "FeatureExtraction", expected: "all \(pictures.entries.count) pictures done",
                found: "\(features.count)")
        }
        return features
    }

    /// `[pictures, height, width, 3]`, read and resized on all threads.
    private func prepared(_ files: ArraySlice<URL>) throws -> Tensor {
        let (preparation, croppedSize, files) = (network.preparation, croppedSize, Array(files))
        let results = Lock([Result<Tensor, any Error>?](repeating: nil, count: files.count))
        parallelFor(files.count, grain: 1) { range in
            for index in range {
                let result = Result {
                    var picture = try Picture(contentsOf: files[index])
                    if let croppedSize { picture = picture.centreSquare(resizedTo: croppedSize) }
                    return preparation(picture).reshaped(to: [1, preparation.size, preparation.size, 3])
                }
                results.withLock { $0[index] = result }
            }
        }
        return .concatenate(try results.withLock { $0 }.compactMap { try $0?.get() }, axis: 0)
    }
}
