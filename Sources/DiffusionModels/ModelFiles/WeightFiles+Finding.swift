import Foundation
import Tensor

extension WeightFiles {
    /// Finds the weights in a part's folder. Weights without a variant are preferred to the fp16 variant, and that to the only other one;
    /// a single file is preferred to shards.
    ///
    /// - Parameters:
    ///   - folder: the part's folder.
    ///   - stem: the file name without `.safetensors`.
    ///   - naming: maps a key of a file to this library's names, see ``init(_:path:naming:isLinear:)``.
    ///   - isLinear: whether a name is a linear weight that files may store as a 1×1 convolution.
    ///   - storage: where the weights are.
    ///
    /// Throws ``ModelError`` if there are no weights, only pickles, or an index that disagrees with its shards, and
    /// `SafetensorsError`.
    package init(
        in folder: URL, stem: String, naming: (String) -> [String] = { [$0] },
        isLinear: @escaping @Sendable (String) -> Bool = { _ in false }, storage: FileStorage = .mapped
    ) throws {
        let found = FoundWeights(in: folder, stem: stem)
        guard let variant = found.best else { throw found.error }
        if let single = found.singles[variant] {
            let path = folder.appending(path: single)
            try self.init(
                [SafetensorsFile(contentsOf: path, storage: storage)], path: path.path, naming: naming,
                isLinear: isLinear)
        } else {
            let index = folder.appending(path: found.indices[variant] ?? "")
            try self.init(Self.shards(of: index, storage), path: index.path, naming: naming, isLinear: isLinear)
        }
        self.variant = variant.isEmpty ? nil : variant
    }

    /// The shards that an index lists, checked against it.
    private static func shards(of index: URL, _ storage: FileStorage) throws -> [SafetensorsFile] {
        let fields = try ConfigurationFields(contentsOf: index, purpose: "the list of the weights' shards")
        guard case .object(let map)? = fields.values["weight_map"], !map.isEmpty else {
            throw fields.invalid("weight_map", expected: "an object from tensor names to file names")
        }
        var keys: [String: Set<String>] = [:]
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            guard case .string(let name) = value, !name.contains("/"), name.hasSuffix(".safetensors") else {
                throw ModelError.invalidField(
                    file: index.path, field: "weight_map.\(key)", expected: "a safetensors file in the same folder",
                    found: "\(value)")
            }
            keys[name, default: []].insert(key)
        }
        let folder = index.deletingLastPathComponent()
        for name in keys.keys.sorted() where !FileManager.default.fileExists(atPath: folder.appending(path: name).path)
        {
            throw ModelError.missingFile(
                path: folder.appending(path: name).path, purpose: "a shard that \(index.lastPathComponent) names")
        }
        return try keys.sorted { $0.key < $1.key }.map { name, keys in
            let file = try SafetensorsFile(contentsOf: folder.appending(path: name), storage: storage)
            if let absent = keys.subtracting(file.names).min() {
                throw ModelError.invalidField(
                    file: index.path, field: "weight_map.\(absent)", expected: "a shard that holds this tensor",
                    found: "\"\(name)\", which does not")
            }
            if let stranger = Set(file.names).subtracting(keys).min() {
                throw ModelError.invalidField(
                    file: index.path, field: "weight_map.\(stranger)", expected: "\"\(name)\", which holds this tensor",
                    found: map[stranger].map { "\($0)" } ?? "nothing")
            }
            return file
        }
    }
}
