import Autograd
import Foundation
import Tensor

/// The safetensors of one part of a model: a single file or shards, under the keys of this library.
struct WeightFiles: CheckpointTensors {
    private struct Location {
        let file: SafetensorsFile
        let key: String
    }

    /// What errors name: the file, or the index of the shards.
    let path: String
    private var locations: [String: Location] = [:]
    private let isLinear: (String) -> Bool

    /// - Parameters:
    ///   - folder: the part's folder.
    ///   - stem: the file name before `.safetensors`.
    ///   - renaming: turns a key of the file into the network's.
    ///   - isLinear: which of the network's keys are linear weights that old files may hold as 1×1 convolutions.
    ///
    /// Throws ``ModelError`` if there are no weights, only pickles, or a malformed index, and `SafetensorsError`.
    init(
        in folder: URL, stem: String, renaming: (String) -> String = { $0 },
        isLinear: @escaping (String) -> Bool = { _ in false }
    ) throws {
        let (path, files) = try Self.find(in: folder, stem: stem)
        self.path = path.path
        self.isLinear = isLinear
        for url in files {
            let file = try SafetensorsFile(contentsOf: url)
            for key in file.names {
                let name = renaming(key)
                if let other = locations.updateValue(Location(file: file, key: key), forKey: name) {
                    throw ModelError.unreadableFile(
                        path: url.path, reason: "tensor \"\(key)\" stands for the same weight as \"\(other.key)\"")
                }
            }
        }
    }

    var names: [String] { locations.keys.sorted() }

    /// How the numbers are stored, by safetensors' names.
    var storedTypes: [String] {
        Set(locations.values.compactMap { $0.file.info($0.key)?.scalarType.rawValue }).sorted()
    }

    func shape(of name: String) -> [Int]? {
        guard let location = locations[name], let shape = location.file.info(location.key)?.shape else { return nil }
        return isPointwise(name, shape) ? Array(shape.prefix(2)) : shape
    }

    func tensor(_ name: String) throws -> Tensor {
        guard let location = locations[name] else { throw ParameterLoadingError(missing: [name]) }
        let tensor = try location.file.mappedTensor(location.key)
        return isPointwise(name, tensor.shape) ? tensor.reshaped(to: Array(tensor.shape.prefix(2))) : tensor
    }

    private func isPointwise(_ name: String, _ shape: [Int]) -> Bool {
        shape.count == 4 && shape[2] == 1 && shape[3] == 1 && isLinear(name)
    }
}

extension WeightFiles {
    /// Full precision before the fp16 variant, a single file before shards.
    private static func find(in folder: URL, stem: String) throws -> (path: URL, files: [URL]) {
        let single = ["\(stem).safetensors", "\(stem).fp16.safetensors"]
        let sharded = ["\(stem).safetensors.index.json", "\(stem).safetensors.index.fp16.json"]
        for (name, index) in zip(single, sharded) {
            let file = folder.appending(path: name)
            if FileManager.default.fileExists(atPath: file.path) { return (file, [file]) }
            let list = folder.appending(path: index)
            if FileManager.default.fileExists(atPath: list.path) { return (list, try shards(of: list)) }
        }
        let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let pickles = contents.filter { name in [".bin", ".ckpt", ".pt", ".pth"].contains { name.hasSuffix($0) } }
        if !pickles.isEmpty { throw ModelError.pickledWeights(folder: folder.path, files: pickles.sorted()) }
        throw ModelError.missingFile(path: folder.appending(path: single[0]).path, purpose: "the weights of this part")
    }

    /// The files that an index names, each once.
    private static func shards(of index: URL) throws -> [URL] {
        let fields = try ConfigurationFields(contentsOf: index, purpose: "the list of the weights' shards")
        guard case .object(let map)? = fields.values["weight_map"], !map.isEmpty else {
            throw fields.invalid("weight_map", expected: "an object from tensor names to file names")
        }
        var names: Set<String> = []
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            guard case .string(let name) = value, !name.contains("/"), name.hasSuffix(".safetensors") else {
                throw ModelError.invalidField(
                    file: index.path, field: "weight_map.\(key)", expected: "a safetensors file in the same folder",
                    found: "\(value)")
            }
            names.insert(name)
        }
        let folder = index.deletingLastPathComponent()
        return try names.sorted().map { name in
            let url = folder.appending(path: name)
            guard FileManager.default.fileExists(atPath: url.path) else {
                throw ModelError.missingFile(path: url.path, purpose: "a shard that \(index.lastPathComponent) names")
            }
            return url
        }
    }
}

extension ParameterSet {
    /// Loads weights strictly and leaves them frozen. Throws ``ModelError`` with every key that does not fit.
    func load(from weights: WeightFiles, ignoring isIgnored: (String) -> Bool = { _ in false }) throws {
        do {
            try load(weights, ignoring: isIgnored)
        } catch let mismatch as ParameterLoadingError {
            throw ModelError.weightMismatch(path: weights.path, mismatch: mismatch)
        }
        freeze()
    }
}
