import Tensor

/// One network in a single file: what its tensors are called here, and what its `config.json` would say.
protocol SingleFileNetwork: Sendable {
    /// The fields of the configuration, from the shapes of the tensors and from what the family has in common.
    var fields: [String: JSONValue] { get }
    /// What a key, without the network's prefix, is called here; nil when the network knows no such key. See `WeightFiles`.
    func names(for key: String) -> [String]?
}

/// The tensors of one network in a single file, by their keys without what only says whose they are.
struct PrefixedTensors: Sendable {
    let file: SafetensorsFile
    private let prefix: String
    private let stored: [String: String]

    /// The tensors whose keys begin with `prefix`.
    init(_ file: SafetensorsFile, prefix: String) {
        self.init(file, prefix: prefix) { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
    }

    /// - Parameters:
    ///   - file: where they are.
    ///   - prefix: what errors put before the key of a tensor that is missing.
    ///   - naming: what a key of the file is called within the network; nil when it is none of its tensors.
    init(_ file: SafetensorsFile, prefix: String, naming: (String) -> String?) {
        (self.file, self.prefix) = (file, prefix)
        stored = Dictionary(file.names.compactMap { key in naming(key).map { ($0, key) } }) { first, _ in first }
    }

    func contains(_ key: String) -> Bool { stored[key] != nil }

    func info(_ key: String) -> SafetensorsFile.TensorInfo? { stored[key].flatMap { file.info($0) } }

    /// The first key in the order of their names of which something is true.
    func first(where predicate: (String) -> Bool) -> String? { stored.keys.filter(predicate).min() }

    /// The shape of a tensor that the network cannot be without. Throws ``ModelError``.
    func shape(_ key: String, rank: Int) throws -> [Int] {
        guard let shape = info(key)?.shape else {
            throw ModelError.weightMismatch(path: file.path, mismatch: .init(missing: [stored[key] ?? prefix + key]))
        }
        guard shape.count == rank else {
            throw ModelError.unreadableFile(
                path: file.path, reason: "tensor \"\(stored[key] ?? key)\": expected \(rank) axes, found shape \(shape)"
            )
        }
        return shape
    }

    /// How many layers there are, counted by a tensor that each has; `key` takes a layer's number.
    func count(_ key: (Int) -> String) -> Int {
        (0...).first { !contains(key($0)) } ?? 0
    }
}
