import Foundation
import Tensor

/// The files in a part's folder that may hold its weights, by their names.
struct FoundWeights {
    private let folder: URL
    private let stem: String
    /// The names of all files in the folder.
    private let contents: [String]
    /// Unsharded files by their variant, such as `diffusion_pytorch_model.non_ema.safetensors`; the empty string for no variant.
    private(set) var singles: [String: String] = [:]
    /// Shard indices by their variant, such as `model.safetensors.index.fp16.json`.
    private(set) var indices: [String: String] = [:]

    init(in folder: URL, stem: String) {
        (self.folder, self.stem) = (folder, stem)
        contents = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
        for name in contents {
            if let variant = Self.variant(name, between: stem, and: ".safetensors"), !Self.isShard(name) {
                singles[variant] = name
            } else if let variant = Self.variant(name, between: "\(stem).safetensors.index", and: ".json") {
                indices[variant] = name
            }
        }
    }

    /// The variant to read: none, `fp16`, or the only other one; nil if there are no weights or several other variants.
    var best: String? {
        let variants = Set(singles.keys).union(indices.keys)
        return ["", "fp16"].first(where: variants.contains) ?? (variants.count == 1 ? variants.first : nil)
    }

    /// The error for weights that cannot be read, with a remedy.
    var error: ModelError {
        let target = folder.appending(path: "\(stem).safetensors").path
        func missing(_ rest: String) -> ModelError {
            .missingFile(path: target, purpose: "the weights of this part\(rest)")
        }
        let variants = singles.values.sorted() + indices.values.sorted()
        if !variants.isEmpty {
            return missing("; copy one of the variants \(Self.list(variants)) to this name")
        }
        if let conversion { return .pickledWeights(folder: folder.path, conversion: conversion) }
        let shards = contents.filter { $0.hasSuffix(".safetensors") && Self.isShard($0) }
        if !shards.isEmpty { return missing(", or the index of its shards, \(stem).safetensors.index.json") }
        let foreign = contents.filter { name in
            [".msgpack", ".h5", ".onnx", ".ot", ".gguf", ".safetensors", ".xml", ".pkl"].contains { name.hasSuffix($0) }
        }
        return missing(foreign.isEmpty ? "" : ", found \(Self.list(foreign))")
    }

    /// The conversion of the pickles in the folder: a whole file is preferred to shards, and shards to a variant.
    private var conversion: PickleConversion? {
        let stems = stem == "model" ? ["pytorch_model", "model"] : [stem, "open_clip_pytorch_model"]
        for old in stems {
            let new = old == "open_clip_pytorch_model" ? old : stem
            let pickles = contents.filter { ModelError.isPickle($0) && $0.hasPrefix(old) }
            let all = pickles.filter { !Self.isShard($0) }
            let whole = all.first { $0.split(separator: ".").count == 2 }
            let shards = pickles.filter { Self.isShard($0) && $0.split(separator: ".").count == 2 }
            let sources = whole.map { [$0] } ?? (shards.isEmpty ? Array(all.prefix(1)) : shards)
            guard let first = sources.first else { continue }
            // A variant keeps its name; shards become one file.
            let middle =
                shards == sources
                ? "" : first.dropFirst(old.count).split(separator: ".").dropLast().joined(separator: ".")
            let target = [new, middle, "safetensors"].filter { !$0.isEmpty }.joined(separator: ".")
            return PickleConversion(
                of: sources.map { folder.appending(path: $0).path }, to: folder.appending(path: target).path)
        }
        return nil
    }

    /// The text between a name's beginning and end, without its leading dot; empty if there is none; nil for other names.
    private static func variant(_ name: String, between start: String, and end: String) -> String? {
        guard name.hasPrefix(start), name.hasSuffix(end), name.count >= start.count + end.count else { return nil }
        let middle = name.dropFirst(start.count).dropLast(end.count)
        if middle.isEmpty { return "" }
        return middle.first == "." ? String(middle.dropFirst()) : nil
    }

    private static func isShard(_ name: String) -> Bool { name.contains("-of-") }

    private static func list(_ names: [String]) -> String {
        names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
    }
}
