import Foundation
import Tensor

extension LowRankWeights {
    /// Reads a file, or a folder with `adapter_model.safetensors` or `pytorch_lora_weights.safetensors`.
    ///
    /// A layer's scale comes from its own alpha; otherwise from `lora_adapter_metadata` in the file's header; otherwise, only for
    /// `adapter_model.safetensors`, from the `adapter_config.json` beside it; otherwise it is 1.
    ///
    /// Throws ``ModelError`` for pickles, for unknown tensor names and unsupported kinds (OFT, IA3, GLoRA, …), for layers whose
    /// matrices are incomplete, empty, not finite or of incompatible shapes, for an alpha that is not one finite number, and for
    /// a configuration with another rank; and `SafetensorsError`.
    public init(contentsOf url: URL) throws {
        let file = try Self.weightsFile(at: url)
        let tensors = try SafetensorsFile(contentsOf: file)
        var layers: [LowRankKey: LowRankLayerTensors] = [:]
        for name in tensors.names {
            if let relative = LowRankRelative(tensor: name) {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason:
                        "tensor \"\(name)\" belongs to \(relative.rawValue), which is not supported: \(relative.advice)"
                )
            }
            guard let parsed = LowRankKey.parse(name) else {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason:
                        "tensor \"\(name)\" matches none of the supported LoRA layouts: \(LowRankKey.layouts)"
                )
            }
            try layers[parsed.key, default: LowRankLayerTensors()].add(name, parsed, path: file.path)
        }
        guard !layers.isEmpty else {
            throw ModelError.unreadableFile(path: file.path, reason: "it has no tensors")
        }
        let (scalings, source) = try LowRankScaling.read(for: tensors, at: file)
        let hasAlphas = layers.values.contains { $0.names[.alpha] != nil }
        try self.init(
            layers: layers.sorted { $0.key < $1.key }.map { key, layer in
                try layer.read(key, from: tensors, scalings[key.part])
            }, scaleSource: hasAlphas ? "alpha of each layer" : source.description,
            oneStep: OneStepConfiguration(of: tensors))
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

extension LowRankScaling.Source: CustomStringConvertible {
    var description: String {
        switch self {
        case .configuration: LowRankLayout.configurationName
        case .metadata: "lora_adapter_metadata"
        case .none: "none, so that alpha is the rank"
        }
    }
}
