import Autograd
import Foundation
import Tensor

/// The tensors of one part of a model, from one or several safetensors files, under this library's names.
package struct WeightFiles: CheckpointTensors, Sendable {
    private struct Location {
        let file: SafetensorsFile
        let key: String
        /// The index of this weight's share of the tensor's rows, which are divided into `shares` equal parts.
        let share: Int
        let shares: Int
    }

    /// The path in errors: the file, or the index of the shards.
    let path: String
    /// The variant in the files' names, such as `fp16`; nil for none.
    var variant: String?
    private var locations: [String: Location] = [:]
    private let isLinear: @Sendable (String) -> Bool
    private let isTransposed: @Sendable (String) -> Bool

    /// - Parameters:
    ///   - files: the files with the tensors.
    ///   - path: the path in errors.
    ///   - naming: maps a key of a file to this library's names. No name: the tensor is not used. Several names: the tensor stacks
    ///     these weights along the first axis, each with the same number of rows.
    ///   - isLinear: whether a name is a linear weight that files may store as a 1×1 convolution.
    ///   - isTransposed: whether a name is a matrix that files store transposed.
    ///
    /// Throws ``ModelError`` if two tensors map to the same name, one cannot be divided equally, or the weights are quantised.
    package init(
        _ files: [SafetensorsFile], path: String, naming: (String) -> [String] = { [$0] },
        isLinear: @escaping @Sendable (String) -> Bool = { _ in false },
        isTransposed: @escaping @Sendable (String) -> Bool = { _ in false }
    ) throws {
        self.path = path
        (self.isLinear, self.isTransposed) = (isLinear, isTransposed)
        for file in files {
            try Self.refuseQuantized(file)
            let scaleNames = Set(file.names.compactMap(file.scaleName))
            for key in file.names where !scaleNames.contains(key) {
                let names = naming(key)
                if names.count > 1, let shape = file.info(key)?.shape, (shape.first ?? 1) % names.count != 0 {
                    throw ModelError.unreadableFile(
                        path: file.path,
                        reason:
                            "tensor \"\(key)\": expected rows for \(names.count) equal weights, found shape \(shape)")
                }
                for (share, name) in names.enumerated() {
                    let location = Location(file: file, key: key, share: share, shares: names.count)
                    if let other = locations.updateValue(location, forKey: name) {
                        throw ModelError.unreadableFile(
                            path: file.path, reason: "tensor \"\(key)\" maps to the same weight as \"\(other.key)\"")
                    }
                }
            }
        }
    }

    /// Refuses quantised weights, which need other tensors to be decoded.
    private static func refuseQuantized(_ file: SafetensorsFile) throws {
        let marks = [
            (".quant_state.", "bitsandbytes"), (".absmax", "bitsandbytes"), (".qweight", "GPTQ or AWQ"),
            (".scale_weight", "scaled 8-bit numbers"), ("scaled_fp8", "scaled 8-bit numbers"),
        ]
        for (mark, kind) in marks {
            guard let name = file.names.first(where: { $0.contains(mark) }) else { continue }
            throw ModelError.unreadableFile(
                path: file.path,
                reason:
                    "its weights are quantised (\(kind): tensor \"\(name)\"), which is not supported; use the model in Float32, "
                    + "Float16 or BFloat16")
        }
    }

    /// Throws ``ModelError`` if a configuration has more layers than there are tensors, before any layer is allocated.
    package func check(layers: Int) throws {
        // With few layers, the missing tensors are listed individually.
        guard layers > max(locations.count, 64) else { return }
        throw ModelError.unreadableFile(
            path: path,
            reason: "expected weights for the \(layers) layers of its configuration, found \(locations.count) tensors")
    }

    package var names: [String] { locations.keys.sorted() }

    /// A tensor's key in its file.
    func storedKey(_ name: String) -> String { locations[name]?.key ?? name }

    /// The number of parameters.
    var parameterCount: Int { names.reduce(0) { $0 + (shape(of: $1)?.reduce(1, *) ?? 0) } }

    /// The parameters' size in the files, in bytes.
    var byteCount: Int {
        locations.reduce(0) { sum, item in
            let (file, key) = (item.value.file, item.value.key)
            let width = file.info(key)?.scalarType.byteCount ?? 0
            let shape = shape(of: item.key) ?? [0]
            let scales = file.scaleName(of: key) == nil ? 0 : MemoryLayout<Float>.stride * (shape.first ?? 0)
            return sum + width * shape.reduce(1, *) + scales
        }
    }

    /// The stored types, by safetensors' names.
    var storedTypes: [String] {
        Set(locations.values.compactMap { $0.file.info($0.key)?.scalarType.rawValue }).sorted()
    }

    package func shape(of name: String) -> [Int]? {
        guard let location = locations[name], let stored = location.file.info(location.key)?.shape else { return nil }
        return shape(of: name, at: location, stored: stored)
    }

    package func tensor(_ name: String) throws -> Tensor {
        guard let location = locations[name] else { throw ParameterLoadingError(missing: [name]) }
        let tensor = try location.file.mappedTensor(location.key)
        let shape = shape(of: name, at: location, stored: tensor.shape)
        if isTransposed(name), tensor.rank == 2 { return tensor.transposed([1, 0]) }
        guard location.shares > 1 else { return tensor.reshaped(to: shape) }
        return tensor.sliced(axis: 0, location.share * shape[0]..<(location.share + 1) * shape[0])
    }

    /// Throws ``ModelError/nonFiniteWeights(path:tensors:)`` with every tensor that has infinite or NaN values. The stored bytes are
    /// checked, before any conversion.
    ///
    /// - Parameters:
    ///   - names: weights that are not checked.
    ///   - progress: called with the number of bytes checked, per tensor.
    func checkFinite(except names: Set<String> = [], progress: (Int) -> Void) throws {
        var tensors: [ModelError.NonFiniteTensor] = []
        // PyTorch writes tensors in the order of their names, so this reads the file sequentially.
        let inOrder = locations.filter { $0.value.share == 0 && !names.contains($0.key) }.values.sorted {
            ($0.file.path, $0.key) < ($1.file.path, $1.key)
        }
        for location in inOrder {
            guard let info = location.file.info(location.key) else { continue }
            defer { progress(info.scalarType.byteCount * info.shape.reduce(1, *)) }
            let key = location.file.scaleName(of: location.key) ?? location.key
            guard let info = location.file.info(key), info.scalarType.isFloatingPoint else { continue }
            let count = try location.file.nonFiniteCount(key)
            if count > 0 {
                tensors.append(.init(name: key, scalarType: info.scalarType, shape: info.shape, count: count))
            }
        }
        guard tensors.isEmpty else {
            throw ModelError.nonFiniteWeights(path: path, tensors: tensors)
        }
    }

    private func shape(of name: String, at location: Location, stored: [Int]) -> [Int] {
        if stored.count == 2, isTransposed(name) { return stored.reversed() }
        if stored.count == 4, stored[2...] == [1, 1], isLinear(name) { return Array(stored.prefix(2)) }
        guard location.shares > 1, let rows = stored.first else { return stored }
        return [rows / location.shares] + stored.dropFirst()
    }
}

extension ParameterSet {
    /// Loads weights strictly and leaves them frozen. Throws ``ModelError`` with every key that does not fit, or every tensor with
    /// non-finite values.
    ///
    /// - Parameters:
    ///   - weights: the files.
    ///   - type: the type in which they are kept.
    ///   - progress: called with the number of bytes read, per tensor.
    package func load(
        from weights: WeightFiles, as type: WeightType = .stored, progress: (Int) -> Void = { _ in }
    ) throws {
        guard type == .int8 else {
            try weights.checkFinite(progress: progress)
            try load(unchecked: weights)
            if type == .float32 { widen() }
            return
        }
        try load(unchecked: weights)
        // Weights that become integers are checked meanwhile: reading them from the file once more would take as long.
        let areFinite = quantizeProductWeights(progress: progress)
        let checked = Set(all.filter(\.isProductWeight).map(\.path))
        try weights.checkFinite(except: areFinite ? checked : [], progress: areFinite ? progress : { _ in })
    }

    /// Loads weights as ``load(from:progress:)`` does, without reading all of them to check that they are finite.
    func load(unchecked weights: WeightFiles) throws {
        do {
            try load(weights)
        } catch var mismatch as ParameterLoadingError {
            mismatch.unexpected = mismatch.unexpected.map(weights.storedKey)
            mismatch.mismatched = mismatch.mismatched.map {
                .init(name: weights.storedKey($0.name), expected: $0.expected, found: $0.found)
            }
            throw ModelError.weightMismatch(path: weights.path, mismatch: mismatch)
        }
        freeze()
    }
}
