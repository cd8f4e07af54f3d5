import Tensor

/// One network in a single file: what its tensors are called here, and what its `config.json` would say.
protocol SingleFileNetwork: Sendable {
    /// The fields of the configuration, from the shapes of the tensors and from what the family has in common.
    var fields: [String: JSONValue] { get }
    /// What a key, without the network's prefix, is called here; nil when the network knows no such key. See `WeightFiles`.
    func names(for key: String) -> [String]?
}

/// The tensors of one network in a single file, by their keys without its prefix.
struct PrefixedTensors: Sendable {
    let file: SafetensorsFile
    let prefix: String
    private let keys: Set<String>

    init(_ file: SafetensorsFile, prefix: String) {
        self.file = file
        self.prefix = prefix
        keys = Set(file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
    }

    func contains(_ key: String) -> Bool { keys.contains(key) }

    /// The shape of a tensor that the network cannot be without. Throws ``ModelError``.
    func shape(_ key: String, rank: Int) throws -> [Int] {
        guard let shape = file.info(prefix + key)?.shape else {
            throw ModelError.weightMismatch(path: file.path, mismatch: .init(missing: [prefix + key]))
        }
        guard shape.count == rank else {
            throw ModelError.unreadableFile(
                path: file.path, reason: "tensor \"\(prefix + key)\": expected \(rank) axes, found shape \(shape)")
        }
        return shape
    }

    /// How many layers there are, counted by a tensor that each has; `key` takes a layer's number.
    func count(_ key: (Int) -> String) -> Int {
        (0...).first { !contains(key($0)) } ?? 0
    }
}
