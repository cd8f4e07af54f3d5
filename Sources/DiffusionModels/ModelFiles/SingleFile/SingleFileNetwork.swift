import Tensor

/// One network in a single file: the mapping of its tensor names, and the contents of an equivalent `config.json`.
protocol SingleFileNetwork: Sendable {
    /// The configuration's fields, from the shapes of the tensors and the family's common values.
    var fields: [String: JSONValue] { get }
    /// Maps a key without the network's prefix to this library's names; nil for unknown keys. See `WeightFiles`.
    func names(for key: String) -> [String]?
}

/// The tensors of one network in a single file, by their keys without the network's prefix.
struct PrefixedTensors: Sendable {
    let file: SafetensorsFile
    private let prefix: String
    private let stored: [String: String]

    /// The tensors whose keys begin with `prefix`.
    init(_ file: SafetensorsFile, prefix: String) {
        self.init(file, prefix: prefix) { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
    }

    /// - Parameters:
    ///   - file: the file.
    ///   - prefix: the prefix of a missing tensor's key in errors.
    ///   - naming: maps a key of the file to a key within the network; nil when it is not this network's.
    init(_ file: SafetensorsFile, prefix: String, naming: (String) -> String?) {
        (self.file, self.prefix) = (file, prefix)
        stored = Dictionary(file.names.compactMap { key in naming(key).map { ($0, key) } }) { first, _ in first }
    }

    func contains(_ key: String) -> Bool { stored[key] != nil }

    func info(_ key: String) -> SafetensorsFile.TensorInfo? { stored[key].flatMap { file.info($0) } }

    /// The first key in sorted order that satisfies a predicate.
    func first(where predicate: (String) -> Bool) -> String? { stored.keys.filter(predicate).min() }

    /// The shape of a required tensor. Throws ``ModelError`` if it is missing or has another rank.
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

    /// The number of layers, counted by a tensor that each layer has; `key` maps a layer's number to its key.
    func count(_ key: (Int) -> String) -> Int {
        (0...).first { !contains(key($0)) } ?? 0
    }
}
