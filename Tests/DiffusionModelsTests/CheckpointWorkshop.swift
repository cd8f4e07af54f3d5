import Foundation
import SwiftBrushTestFixtures
import Tensor

@testable import DiffusionModels

/// A complete small model in a temporary folder, for tests to damage.
final class CheckpointWorkshop {
    static let unetWeights = "unet/diffusion_pytorch_model.safetensors"
    static let autoencoderWeights = "vae/diffusion_pytorch_model.safetensors"
    static let textWeights = "text_encoder/model.safetensors"

    let folder: URL
    /// The path to load: the folder, unless a test changes it.
    var target: URL
    /// The tokenizer to load a single file with.
    var tokenizer: URL?

    /// Copies the first parity model and adds a tokenizer with prompts of 12 tokens.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "workshop-\(UUID().uuidString)")
        target = folder
        try FileManager.default.copyItem(at: ParityModel.all[0].folder, to: folder)
        try remove("golden.safetensors")
        try FileManager.default.createDirectory(at: file("tokenizer"), withIntermediateDirectories: true)
        let letters = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }
        let tokens = letters + letters.map { "\($0)</w>" } + ["he</w>", "<|startoftext|>", "<|endoftext|>"]
        let vocabulary = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($0.element, $0.offset) })
        try JSONEncoder().encode(vocabulary).write(to: file("tokenizer/vocab.json"))
        try write("#version: 0.2\nh e</w>\n", to: "tokenizer/merges.txt")
        try write(#"{"model_max_length": 12}"#, to: "tokenizer/tokenizer_config.json")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func file(_ path: String) -> URL { folder.appending(path: path) }

    func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: file(path)) }

    func remove(_ path: String) throws { try FileManager.default.removeItem(at: file(path)) }

    func move(_ path: String, to other: String) throws {
        try FileManager.default.moveItem(at: file(path), to: file(other))
    }

    /// Sets a field of a JSON file, or removes it with nil.
    func set(_ field: String, _ value: JSONValue?, in path: String) throws {
        guard case .object(var fields) = try JSONValue(contentsOf: file(path), purpose: "a test") else { return }
        fields[field] = value
        try JSONValue.object(fields).write(to: file(path))
    }

    /// Rewrites a weights file with renamed, more or fewer tensors.
    func rewrite(
        _ path: String, to other: String? = nil, as type: ScalarType = .float32,
        _ change: (inout [String: Tensor]) -> Void
    ) throws {
        let source = try SafetensorsFile(contentsOf: file(path))
        var tensors: [String: Tensor] = [:]
        for name in source.names where source.info(name)?.scalarType.isFloatingPoint == true {
            tensors[name] = try source.tensor(name)
        }
        change(&tensors)
        let sorted = tensors.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }
        try Safetensors.write(sorted, scalarType: type, allowsNonFinite: true, to: file(other ?? path))
    }

    /// Writes a safetensors file with a header and `bytes` zero bytes.
    func write(header: String, length: UInt64? = nil, bytes: Int = 0, to path: String) throws {
        let size = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        try (size + Data(header.utf8) + Data(count: bytes)).write(to: file(path))
    }

    /// Replaces the target by a family's single-file fixture.
    func useSingleFile(
        _ family: SingleFileFamily = .sd1, _ change: (inout [String: Tensor]) -> Void = { _ in }
    ) throws {
        try FileManager.default.copyItem(at: family.file, to: file("single.safetensors"))
        try rewrite("single.safetensors", as: .float16, change)
        target = file("single.safetensors")
        tokenizer = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")
    }

    /// Replaces the target by a file with one-element tensors of these names.
    func useFile(ofTensors names: String...) throws {
        try Safetensors.write(names.map { (name: $0, tensor: Tensor(1)) }, to: file("other.safetensors"))
        target = file("other.safetensors")
    }

    /// Divides the denoising network's weights into two shards with an index.
    func shard(_ change: (inout [String: String]) -> Void = { _ in }) throws {
        var map: [String: String] = [:]
        for (name, range) in [("one.safetensors", ..<"mid"), ("two.safetensors", "mid"..<"~")]
            as [(String, any RangeExpression<String>)]
        {
            try rewrite(Self.unetWeights, to: "unet/\(name)") { tensors in
                tensors = tensors.filter { range.contains($0.key) }
                for key in tensors.keys { map[key] = name }
            }
        }
        try remove(Self.unetWeights)
        change(&map)
        try JSONEncoder().encode(["weight_map": map]).write(to: file("\(Self.unetWeights).index.json"))
    }

    /// Loads the model with its text encoder and returns the error, with `MODEL` for the temporary folder; nil on success.
    func problem() -> String? {
        do {
            _ = try TextToImageModel(contentsOf: target, tokenizer: tokenizer).textEncoder.loaded()
            return nil
        } catch {
            return "\(error)".replacing(folder.path, with: "MODEL")
        }
    }
}
