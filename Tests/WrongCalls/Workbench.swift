import Autograd
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushTestFixtures
import Tensor

/// A temporary folder, and small networks, models and files for wrong calls.
final class Workbench {
    let folder: URL
    private var names = 0

    private init(_ folder: URL) { self.folder = folder }

    static func withFolder(_ body: (Workbench) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "wrong-calls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(Workbench(folder))
    }

    /// A path in the folder at which there is nothing yet.
    func path(_ name: String = "file") -> URL {
        names += 1
        return folder.appending(path: "\(names)-\(name)")
    }

    /// A new file with these bytes.
    func file(_ data: Data, _ name: String = "file") throws -> URL {
        let url = path(name)
        try data.write(to: url)
        return url
    }

    func file(_ text: String, _ name: String = "file") throws -> URL { try file(Data(text.utf8), name) }

    /// A new empty folder.
    func emptyFolder() throws -> URL {
        let url = path("folder")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// A safetensors file with this header, and as many bytes after it.
    func safetensors(_ header: String, bytes: Int, length: UInt64? = nil) throws -> URL {
        var data = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        data.append(Data(header.utf8))
        data.append(Data(repeating: 0, count: bytes))
        return try file(data, "tensors.safetensors")
    }

    func safetensors(_ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]) throws -> URL {
        let url = path("tensors.safetensors")
        try Safetensors.write(tensors, metadata: metadata, allowsNonFinite: true, to: url)
        return url
    }

    /// A LoRA file with this description of a student.
    func studentLoRA(_ description: String) throws -> URL {
        try safetensors(
            [("unet.proj_in.lora_A.weight", .zeros([2, 4])), ("unet.proj_in.lora_B.weight", .zeros([4, 2]))],
            metadata: ["one_step": description])
    }

    // MARK: - Models

    /// A copy of a small model of the fixtures, with a tokenizer, after `change` of its folder.
    func model(_ name: String = "c", _ change: (URL) throws -> Void = { _ in }) throws -> URL {
        let url = path("model")
        try FileManager.default.copyItem(at: Fixtures.url("models/\(name)"), to: url)
        let tokenizer = url.appending(path: "tokenizer")
        try FileManager.default.createDirectory(at: tokenizer, withIntermediateDirectories: true)
        let letters = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }
        let tokens = letters + letters.map { "\($0)</w>" } + ["<|startoftext|>", "<|endoftext|>"]
        let entries = tokens.enumerated().map { "\"\($0.element)\": \($0.offset)" }.joined(separator: ", ")
        try Data("{\(entries)}".utf8).write(to: tokenizer.appending(path: "vocab.json"))
        try Data("#version: 0.2\n".utf8).write(to: tokenizer.appending(path: "merges.txt"))
        try Data(#"{"model_max_length": 12}"#.utf8).write(to: tokenizer.appending(path: "tokenizer_config.json"))
        try change(url)
        return url
    }

    /// A multi-step model of small networks, read from files once.
    private(set) lazy var teacher = Result { try TextToImageModel(contentsOf: model()) }
    /// The multi-step model with a network of another configuration, whose weights have no values.
    func relative(_ change: (inout UNet2DConditionModel.Configuration) -> Void) throws -> TextToImageModel {
        var model = try teacher.get()
        guard var configuration = (model.network as? UNet2DConditionModel)?.configuration else { return model }
        change(&configuration)
        model.network = UNet2DConditionModel(configuration, in: ParameterSet().scope)
        return model
    }
    /// The same networks as a one-step student.
    var student: TextToImageModel { get throws { try teacher.get().untrainedStudent() } }

    /// A distiller of the small teacher, after `change` of its settings.
    func distiller(
        loss: any DistillationLoss = VariationalScoreDistillation(), prompts: [String] = ["a", "b"],
        _ change: (inout DistillationConfiguration) -> Void = { _ in }
    ) throws -> Distiller {
        var settings = DistillationConfiguration()
        (settings.batchSize, settings.adapterRank) = (2, 2)
        change(&settings)
        return try Distiller(teacher: teacher.get(), loss: loss, prompts: prompts, configuration: settings)
    }

    /// A model of components of one's own: by default of ones that fit each other, on latents of 4 × 4 with 4 channels.
    func own(
        network: @escaping @Sendable (Variable) -> Variable = { $0 },
        conditions: @escaping @Sendable ([String]) -> TextCondition = Labels.ones,
        decoder: @escaping @Sendable (Variable) -> Variable = { $0.sliced(axis: 3, 0..<3) }, isStudent: Bool = true
    ) -> TextToImageModel {
        TextToImageModel(
            network: OwnNetwork(output: network), textEncoder: Labels(conditions: conditions),
            decoder: OwnDecoder(output: decoder), schedule: .scaledLinear(), oneStep: isStudent ? .swiftBrush : nil)
    }
}

/// A network without weights whose output is any function of its input.
struct OwnNetwork: DenoisingNetwork {
    let parameters = ParameterSet()
    var latentSize: LatentSize? { LatentSize(height: 4, width: 4) }
    let output: @Sendable (Variable) -> Variable

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        output(noisy)
    }
}

/// A text encoder whose conditions are any function of the prompts.
struct Labels: TextEncoder {
    let conditions: @Sendable ([String]) -> TextCondition

    static func ones(_ prompts: [String]) -> TextCondition { TextCondition(tokens: .ones([prompts.count, 1, 2])) }

    func condition(for prompts: [String], windows: Int) throws -> TextCondition { conditions(prompts) }
}

/// A decoder whose pictures are any function of the latents.
struct OwnDecoder: LatentDecoder {
    let output: @Sendable (Variable) -> Variable

    func pictures(of latents: Variable) -> Variable { output(latents) }
}
