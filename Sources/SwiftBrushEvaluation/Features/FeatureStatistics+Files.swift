import Foundation
import Tensor

extension FeatureStatistics {
    /// Reads saved statistics: a numpy `.npz` file with `mu`, `[width]`, and `sigma`, `[width, width]`, as pytorch-fid and clean-fid
    /// write and publish them. Only ``save(to:)`` adds `count`; without it ``hasKnownCount`` is false.
    ///
    /// Arrays of more than `limit` bytes are rejected; the default, 256 MiB, allows covariances of up to 5,792 features.
    ///
    /// Throws ``EvaluationError`` for a file with other contents.
    public init(contentsOf url: URL, limit: Int = 1 << 28) throws {
        let archive = try ZipArchive(contentsOf: url)
        func array(_ name: String) throws -> NumPyArray? {
            try archive.contents(of: "\(name).npy", limit: limit).map {
                try NumPyArray($0, name: "\(url.path): \(name)")
            }
        }
        let count = try array("count")?.values.first.flatMap { Int(exactly: $0) }
        guard let mean = try array("mu"), let covariance = try array("sigma"), mean.shape.count == 1, mean.shape[0] > 0,
            covariance.shape == [mean.shape[0], mean.shape[0]], count.map({ $0 > 1 }) ?? true,
            (mean.values + covariance.values).allSatisfy(\.isFinite)
        else {
            throw EvaluationError.unsuitableContents(
                path: url.path, expected: "finite statistics: mu [width] and sigma [width, width]",
                found: archive.names.joined(separator: ", "))
        }
        try self.init(mean: mean.values, covariance: covariance.values, count: count)
    }

    /// Writes the statistics as `.npz`, which pytorch-fid reads; at least two vectors must have been added. Throws
    /// ``EvaluationError`` with the reason, and `FileError`.
    public func save(to url: URL) throws {
        var members = [("mu.npy", NumPyArray(mean, shape: [width]))]
        members.append(("sigma.npy", NumPyArray(try covariance, shape: [width, width])))
        if hasKnownCount { members.append(("count.npy", NumPyArray([Double(count)], shape: [1]))) }
        try ZipArchive.write(members.map { ($0.0, $0.1.encoded) }, to: url)
    }
}
