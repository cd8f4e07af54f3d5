import DiffusionModels
import Foundation
import Tensor

/// A cache folder with one safetensors file per part of a picture set's features.
struct FeatureStore {
    private let folder: URL
    /// The network and the preparation, as text.
    private let origin: String
    /// The network's features of a test pattern, which detect other weights under the same name.
    private let probe: Tensor

    init(_ folder: URL, network: any FeatureNetwork, croppedSize: Int?) throws {
        self.folder = folder
        origin = "\(network.name), \(network.preparation)" + (croppedSize.map { ", cropped to \($0)" } ?? "")
        let pattern = try Picture(width: 16, height: 16, pixels: (0..<768).map { UInt8($0 * 37 % 251) })
        let size = network.preparation.size
        probe = try network.checkedFeatures(
            of: network.preparation(pattern).reshaped(to: [1, size, size, 3]))
        try DurableFile.prepareFolder(folder)
    }

    /// A part's features; nil unless they are cached and the files have not changed since.
    func features(part: Int, of files: [URL]) throws -> Tensor? {
        let url = url(part)
        guard FileManager.default.fileExists(atPath: url.path), let file = try? SafetensorsFile(contentsOf: url),
            file.metadata["origin"] == origin, file.metadata["pictures"] == (try Self.digest(of: files)),
            let stored = try? file.tensor("probe"), stored.shape == probe.shape
        else { return nil }
        // A different number of threads changes the last bits.
        let difference = (stored - probe).absolute().maximum()
        guard difference <= 1e-4 * max(probe.absolute().maximum(), 1) else { return nil }
        return try? file.mappedTensor("features")
    }

    /// Writes a part's features and returns them memory-mapped from the file.
    func keep(_ features: Tensor, part: Int, of files: [URL]) throws -> Tensor {
        let metadata = ["origin": origin, "pictures": try Self.digest(of: files)]
        try Safetensors.write([("features", features), ("probe", probe)], metadata: metadata, to: url(part))
        return try SafetensorsFile(contentsOf: url(part)).mappedTensor("features")
    }

    private func url(_ part: Int) -> URL {
        let number = String(part)
        return folder.appending(
            path: "part-\(String(repeating: "0", count: max(0, 5 - number.count)))\(number).safetensors")
    }

    /// A hash of the files' paths, sizes and modification dates.
    private static func digest(of files: [URL]) throws -> String {
        var hash = StableHash()
        for file in files {
            let attributes = try FileError.attempt(.reading, file.path) {
                try FileManager.default.attributesOfItem(atPath: file.path)
            }
            let date = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            hash.combine("\(file.standardizedFileURL.path) \(attributes[.size] ?? 0) \(date)\n".utf8)
        }
        return "\(files.count) \(hash)"
    }
}
