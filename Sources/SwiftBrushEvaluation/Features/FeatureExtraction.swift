import DiffusionModels
import Foundation
import Tensor

/// Computes the features of a folder's pictures in parts: call ``next()`` until it returns nil, then ``features()``.
///
/// With a cache folder each part is written to its own file, from which only the needed vectors are read back into memory. Existing
/// parts are reused if the network, the preparation, and the pictures' names, sizes and dates are the same, so that a stopped
/// extraction can be resumed.
public struct FeatureExtraction: Sendable {
    /// The number of pictures per part.
    static let partSize = 512
    /// The number of pictures in memory at a time.
    private static let batchSize = 32

    private let pictures: PictureFolder
    private let network: any FeatureNetwork
    private let croppedSize: Int?
    private let store: FeatureStore?
    private var parts: [Tensor] = []

    /// Creates an extraction.
    ///
    /// - Parameters:
    ///   - pictures: the pictures.
    ///   - network: the network that computes the features.
    ///   - croppedSize: a side in pixels to which the centre square of each picture is resized first, as in the COCO-2014 protocol.
    ///   - folder: the cache folder of the features; nil keeps them in memory.
    ///
    /// Throws ``EvaluationError`` for a side out of range, and what the file system throws.
    public init(
        of pictures: PictureFolder, by network: any FeatureNetwork, croppedTo croppedSize: Int? = nil,
        keptIn folder: URL? = nil
    ) throws {
        if let croppedSize, !(1...16_384).contains(croppedSize) {
            throw EvaluationError.invalidSetting(
                name: "croppedTo", expected: "1 to 16384 pixels", found: "\(croppedSize)")
        }
        (self.pictures, self.network, self.croppedSize) = (pictures, network, croppedSize)
        store = try folder.map { try FeatureStore($0, network: network, croppedSize: croppedSize) }
    }

    /// Computes the next part or reads it from the cache. Returns the number of pictures done so far, or nil if all were already done.
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
                try network.checkedFeatures(of: prepared(files[first..<min(first + Self.batchSize, files.count)]))
            }
            let features = Tensor.concatenate(batches, axis: 0)
            parts.append(try store?.keep(features, part: parts.count, of: files) ?? features)
        }
        return range.upperBound
    }

    /// The features of all pictures. Throws ``EvaluationError`` if ``next()`` has not reached all of them.
    public func features() throws -> Features {
        let features = try Features(parts)
        guard features.count == pictures.entries.count else {
            throw EvaluationError.unsuitableFeatures(
                metric: "FeatureExtraction", expected: "all \(pictures.entries.count) pictures done",
                found: "\(features.count)")
        }
        return features
    }

    /// Reads and prepares pictures on all threads, `[pictures, height, width, 3]`.
    private func prepared(_ files: ArraySlice<URL>) throws -> Tensor {
        let (preparation, croppedSize, files) = (network.preparation, croppedSize, Array(files))
        let results = Lock([Result<Tensor, any Error>?](repeating: nil, count: files.count))
        parallelFor(files.count, grain: 1) { range in
            for index in range {
                let result = Result {
                    var picture = try Picture(contentsOf: files[index])
                    if let croppedSize { picture = try picture.centreSquare(resizedTo: croppedSize) }
                    return try preparation(picture).reshaped(to: [1, preparation.size, preparation.size, 3])
                }
                results.withLock { $0[index] = result }
            }
        }
        return .concatenate(try results.withLock { $0 }.compactMap { try $0?.get() }, axis: 0)
    }
}
