import Foundation
import Tensor

extension LowRankWeights {
    /// Reads a file, or a folder with `adapter_model.safetensors` or `pytorch_lora_weights.safetensors`.
    ///
    /// A layer's scale comes from its own alpha; otherwise from `lora_adapter_metadata` in the file's header; otherwise, only for
    /// `adapter_model.safetensors`, from the `adapter_config.json` beside it; otherwise it is 1.
    ///
    /// Throws ``ModelError`` for pickles, for unknown tensor names and unsupported kinds (DoRA, LoHa, LoKr, …), for layers whose
    /// matrices are incomplete, empty, not finite or of incompatible shapes, for an alpha that is not one finite number, and for
    /// a configuration with another rank; and `SafetensorsError`.
    public init(contentsOf url: URL) throws {
        let file = try Self.weightsFile(at: url)
        let tensors = try SafetensorsFile(contentsOf: file)
        var layers: [LowRankKey: LayerTensors] = [:]
        for name in tensors.names {
            if let relative = LowRankRelative(tensor: name) {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason: "tensor \"\(name)\" belongs to \(relative.rawValue), which is not supported")
            }
            guard let parsed = LowRankKey.parse(name) else {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason:
                        "tensor \"\(name)\" matches none of the supported LoRA layouts: \(LowRankKey.layouts)"
                )
            }
            try layers[parsed.key, default: LayerTensors()].add(name, parsed, path: file.path)
        }
        guard !layers.isEmpty else {
            throw ModelError.unreadableFile(path: file.path, reason: "it has no tensors")
        }
        let (scalings, source) = try LowRankScaling.read(for: tensors, at: file)
        let hasAlphas = layers.values.contains { $0.names[.alpha] != nil }
        try self.init(
            layers: layers.sorted { $0.key < $1.key }.map { key, layer in
                try layer.read(key, from: tensors, scalings[key.part])
            }, scaleSource: hasAlphas ? "alpha of each layer" : source.description)
    }

    /// The weights file at a path, which may be a folder. Throws ``ModelError`` for a folder without one, and for pickles.
    private static func weightsFile(at url: URL) throws -> URL {
        let files = FileManager.default
        var isFolder: ObjCBool = false
        guard files.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ModelError.missingFile(path: url.path, purpose: "a LoRA file or folder")
        }
        guard isFolder.boolValue else { return url }
        let names = LowRankLayout.allCases.map(\.fileName)
        if let name = names.first(where: { files.fileExists(atPath: url.appending(path: $0).path) }) {
            return url.appending(path: name)
        }
        let pickled = names.map { $0.replacing(".safetensors", with: ".bin") }
        for (name, pickle) in zip(names, pickled) where files.fileExists(atPath: url.appending(path: pickle).path) {
            let conversion = PickleConversion(
                of: [url.appending(path: pickle).path], to: url.appending(path: name).path)
            throw ModelError.pickledWeights(folder: url.path, conversion: conversion)
        }
        throw ModelError.missingFile(
            path: url.appending(path: names[0]).path,
            purpose: "a LoRA's folder, with \(names.joined(separator: " or "))")
    }
}

/// The names of a layer's tensors in a file.
private struct LayerTensors {
    var names: [LowRankKey.Role: String] = [:]
    /// The layer's dotted path, nil if the file's layout does not keep it.
    var path: String?

    private static let largestProduct = 1 << 26

    mutating func add(_ name: String, _ parsed: LowRankKey.Name, path file: String) throws {
        if let other = names.updateValue(name, forKey: parsed.role) {
            throw ModelError.unreadableFile(
                path: file, reason: "\"\(other)\" and \"\(name)\" are the same matrix of one layer")
        }
        path = path ?? parsed.path
    }

    func read(
        _ key: LowRankKey, from file: SafetensorsFile, _ scaling: LowRankScaling?
    ) throws -> LowRankWeights.Layer {
        func invalid(_ reason: String) -> ModelError {
            .unreadableFile(path: file.path, reason: "\"\(key.flatPath)\": \(reason)")
        }
        func matrix(_ role: LowRankKey.Role) throws -> Tensor? {
            guard let name = names[role] else { return nil }
            let tensor = try file.tensor(name)
            guard [2, 4].contains(tensor.rank), tensor.count > 0 else {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason: "\"\(name)\": expected a matrix or kernel of at least one number, found \(tensor.shape)")
            }
            let broken = tensor.nonFiniteCount()
            guard broken == 0 else {
                let type = file.info(name)?.scalarType ?? .float32
                throw ModelError.nonFiniteWeights(
                    path: file.path,
                    tensors: [.init(name: name, scalarType: type, shape: tensor.shape, count: broken)])
            }
            return tensor
        }
        guard var down = try matrix(.down), let up = try matrix(.up) else {
            throw invalid("it has only one of its two matrices, found \(names.values.sorted())")
        }
        let middle = try matrix(.middle)
        let inner = middle?.shape ?? [down.shape[0], down.shape[0]] + Array(repeating: 1, count: down.rank - 2)
        guard down.rank == up.rank, inner.count == down.rank, inner[1] == down.shape[0], up.shape[1] == inner[0],
            up.shape.dropFirst(2).allSatisfy({ $0 == 1 }),
            middle == nil || down.shape.dropFirst(2).allSatisfy({ $0 == 1 })
        else {
            let shapes = [down.shape] + (middle.map { [$0.shape] } ?? []) + [up.shape]
            throw invalid("expected matrices of one rank that multiply, found \(shapes)")
        }
        if let middle {
            // A hostile file can make the product far larger than its factors; the largest layers have 12 million numbers.
            let sizes = [middle.count / middle.shape[1], down.shape[1]]
            let (count, overflow) = sizes[0].multipliedReportingOverflow(by: sizes[1])
            guard !overflow, count <= Self.largestProduct else {
                throw invalid(
                    "expected a product with lora_mid of at most \(Self.largestProduct) numbers, found \(sizes)")
            }
            down = middle.composed(with: down)
        }
        let scale = try self.scale(key, rank: inner[0], from: file, scaling)
        return LowRankWeights.Layer(flatPath: key.flatPath, part: key.part, down: down, up: up, scale: scale)
    }

    private func scale(
        _ key: LowRankKey, rank: Int, from file: SafetensorsFile, _ scaling: LowRankScaling?
    ) throws -> Float {
        if let name = names[.alpha] { return Float(try file.number(name) / Double(rank)) }
        let path = path ?? key.flatPath
        let prefix = "text_model."
        let other = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : prefix + path
        return try scaling?.scale(of: key.part == .textEncoder ? [path, other] : [path], rank: rank) ?? 1
    }
}

extension SafetensorsFile {
    /// The value of a one-element tensor of any type. Throws ``ModelError`` unless there is exactly one value and it is finite.
    fileprivate func number(_ name: String) throws -> Double {
        let isFloat = info(name)?.scalarType.isFloatingPoint ?? true
        let count = info(name)?.shape.reduce(1) { min($0, 2) * min($1, 2) } ?? 1
        guard count == 1 else {
            throw ModelError.unreadableFile(
                path: path, reason: "\"\(name)\": expected one number, found shape \(info(name)?.shape ?? [])")
        }
        let number = try isFloat ? Double(tensor(name).item) : Double(integers(name)[0])
        guard number.isFinite else {
            throw ModelError.unreadableFile(
                path: path, reason: "\"\(name)\": expected a finite number, found \(number)")
        }
        return number
    }
}

extension Tensor {
    /// The kernel of a 1×1 convolution by `inner` followed by this one: `[middle, inputs, 1, 1]` and then
    /// `[outputs, middle, height, width]` give `[outputs, inputs, height, width]`.
    fileprivate func composed(with inner: Tensor) -> Tensor {
        let (outputs, middle, area) = (shape[0], shape[1], shape[2] * shape[3])
        let places = reshaped(to: [outputs, middle, area]).transposed([0, 2, 1]).reshaped(to: [outputs * area, middle])
        let product = places.matmul(inner.reshaped(to: [middle, inner.shape[1]]))
        return product.reshaped(to: [outputs, area, inner.shape[1]]).transposed([0, 2, 1])
            .reshaped(to: [outputs, inner.shape[1], shape[2], shape[3]])
    }
}

extension LowRankScaling.Source: CustomStringConvertible {
    var description: String {
        switch self {
        case .configuration: LowRankLayout.configurationName
        case .metadata: "lora_adapter_metadata"
        case .none: "none, so that alpha is the rank"
        }
    }
}
