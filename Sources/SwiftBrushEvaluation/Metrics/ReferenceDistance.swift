import DiffusionModels
import Foundation
import Tensor

/// The Fréchet distance of images in memory from a reference, such as a training measures in its course.
///
/// With fewer images than features the distance is too large, and by more the fewer there are: compare only distances of equally many.
public struct ReferenceDistance: Sendable {
    private let reference: FeatureStatistics
    private let network: any FeatureNetwork
    private static let batchSize = 32

    /// Distances from statistics of a network's features. Throws ``EvaluationError`` for features of another width.
    public init(from reference: FeatureStatistics, by network: any FeatureNetwork) throws {
        guard reference.width == network.width else {
            throw EvaluationError.unsuitableFeatures(
                metric: "ReferenceDistance", expected: "statistics of \(network.width) features",
                found: "\(reference.width)")
        }
        (self.reference, self.network) = (reference, network)
    }

    /// Distances from saved statistics (`.npz`), or from the images in a folder. Throws ``EvaluationError``, and for images as
    /// `FeatureExtraction`.
    public init(from url: URL, by network: any FeatureNetwork) throws {
        if url.pathExtension == "npz" {
            try self.init(from: FeatureStatistics(contentsOf: url), by: network)
        } else {
            var extraction = try FeatureExtraction(of: PictureFolder(contentsOf: url), by: network)
            while try extraction.next() != nil {}
            try self.init(from: extraction.features().statistics(), by: network)
        }
    }

    /// The distance of images, at least two. Throws ``EvaluationError`` and `LinearAlgebraError`.
    public func callAsFunction(_ pictures: [Picture]) throws -> Double {
        var statistics = try FeatureStatistics(width: network.width)
        for start in stride(from: 0, to: pictures.count, by: Self.batchSize) {
            let prepared = try pictures[start..<min(start + Self.batchSize, pictures.count)].map {
                try network.preparation($0).reshaped(to: [1, network.preparation.size, network.preparation.size, 3])
            }
            try statistics.add(network.checkedFeatures(of: .concatenate(prepared, axis: 0)))
        }
        return try frechetDistance(statistics, reference)
    }
}
