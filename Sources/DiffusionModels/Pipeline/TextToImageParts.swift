import Autograd
import Foundation
import Tensor

/// The parts of a text-to-image model in memory, which can be written as a folder in the diffusers layout.
public struct TextToImageParts {
    /// The denoising network.
    public var unet: UNet2DConditionModel
    /// The autoencoder.
    public var autoencoder: AutoencoderKL
    /// The text encoder, which maps token ids to text embeddings.
    public var textEncoder: CLIPTextModel
    /// The folder whose files are copied as the model's tokenizer.
    public var tokenizerFolder: URL
    /// The denoising network's noise schedule.
    public var schedule: NoiseSchedule
    /// The timestep of a one-step student; nil for a multi-step model.
    public var oneStep: OneStepConfiguration?

    /// A model of these parts.
    public init(
        unet: UNet2DConditionModel, autoencoder: AutoencoderKL, textEncoder: CLIPTextModel, tokenizerFolder: URL,
        schedule: NoiseSchedule, oneStep: OneStepConfiguration? = nil
    ) {
        (self.unet, self.autoencoder, self.textEncoder) = (unet, autoencoder, textEncoder)
        (self.tokenizerFolder, self.schedule, self.oneStep) = (tokenizerFolder, schedule, oneStep)
    }

    /// Writes a folder that this library and diffusers load.
    ///
    /// All files are first written under temporary names: if that fails, because the disk is full or a weight is not finite or does not fit
    /// the type, an older model in the folder remains intact. Then existing files of the same names are replaced, each atomically;
    /// `model_index.json` is removed before that and written last, so that an incomplete folder is not mistaken for a model.
    /// A folder with files that do not belong to a model is not changed.
    ///
    /// - Parameters:
    ///   - url: the folder, created if it does not exist.
    ///   - scalarType: the type in which weights are stored: Float32, Float16 or BFloat16.
    ///
    /// Throws ``ModelError`` for a folder with other files, `FileError`, and `SafetensorsError` with the name of a tensor that cannot
    /// be stored.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        try Self.checkFolder(url)
        try DurableFile.prepareFolder(url)
        try Self.removeRemains(in: url)
        let stage = url.appending(path: ".\(UUID().uuidString)\(Self.stageSuffix)")
        defer { try? FileManager.default.removeItem(at: stage) }
        let names = try writeFiles(to: stage, scalarType)
        let index = url.appending(path: DiffusersFolder.indexName)
        try removeIfPresent(index)
        for part in ModelFiles.Part.allCases {
            let folder = url.appending(path: part.rawValue)
            try DurableFile.makeFolder(folder)
            try removeIfPresent(folder.appending(path: "\(part.stem).safetensors.index.json"))
        }
        if oneStep == nil { try removeIfPresent(url.appending(path: OneStepConfiguration.fileName)) }
        for name in names { try DurableFile.move(stage.appending(path: name), to: url.appending(path: name)) }
        try DurableFile.move(stage.appending(path: DiffusersFolder.indexName), to: index)
    }

    /// Writes all files to a separate folder; returns the names of all but `model_index.json`.
    private func writeFiles(to folder: URL, _ scalarType: ScalarType) throws -> [String] {
        var names: [String] = []
        func place(_ name: String) throws -> URL {
            names.append(name)
            let file = folder.appending(path: name)
            try DurableFile.makeFolder(file.deletingLastPathComponent())
            return file
        }
        func write(_ part: ModelFiles.Part, _ configuration: JSONValue, _ parameters: ParameterSet) throws {
            try configuration.write(to: place("\(part.rawValue)/config.json"))
            try Safetensors.write(
                parameters.checkpointTensors(), scalarType: scalarType, metadata: ["format": "pt"],
                to: place("\(part.rawValue)/\(part.stem).safetensors"))
        }
        try write(.unet, unet.configuration.json, unet.parameters)
        try write(.vae, autoencoder.configuration.json, autoencoder.parameters)
        var text = textEncoder.configuration.json.fields
        text["dtype"] = .string(scalarType.pyTorchName)
        try write(.textEncoder, .object(text), textEncoder.parameters)
        for name in try tokenizerFiles() {
            try DurableFile.write(
                FileContents.read(tokenizerFolder.appending(path: name)),
                to: place("\(ModelFiles.Part.tokenizer.rawValue)/\(name)"))
        }
        try schedule.configuration.json.write(
            to: place("\(ModelFiles.Part.scheduler.rawValue)/scheduler_config.json"))
        try oneStep?.json.write(to: place(OneStepConfiguration.fileName))
        try index.write(to: folder.appending(path: DiffusersFolder.indexName))
        return names
    }

    /// Throws ``ModelError`` for a folder with other contents, such as images.
    private static func checkFolder(_ url: URL) throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        let own =
            ModelFiles.Part.allCases.map(\.rawValue) + [
                DiffusersFolder.indexName, OneStepConfiguration.fileName, "sheet.png",
            ]
        let others = names.filter { !own.contains($0) && !$0.hasPrefix(".") }.sorted()
        guard others.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "TextToImageParts.save", argument: "folder \(url.path)",
                expected: "a new or empty folder, or a model's folder", found: others.prefix(3).joined(separator: ", "))
        }
    }

    /// The names of the regular files in the tokenizer's folder, including links to files.
    private func tokenizerFiles() throws -> [String] {
        try FileError.attempt(.reading, tokenizerFolder.path) {
            try FileManager.default.contentsOfDirectory(atPath: tokenizerFolder.path).sorted().filter { name in
                var isFolder: ObjCBool = false
                let path = tokenizerFolder.appending(path: name).path
                return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            }
        }
    }

    private static let stageSuffix = ".model.partial"

    /// Removes the temporary files of an interrupted save.
    private static func removeRemains(in folder: URL) throws {
        try FileError.attempt(.writing, folder.path) {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
            where name.hasPrefix(".") && name.hasSuffix(stageSuffix) {
                try FileManager.default.removeItem(at: folder.appending(path: name))
            }
        }
    }

    private func removeIfPresent(_ file: URL) throws {
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        try FileError.attempt(.writing, file.path) { try FileManager.default.removeItem(at: file) }
    }

    private var index: JSONValue {
        func part(_ library: String, _ name: String) -> JSONValue { .array([.string(library), .string(name)]) }
        return .object([
            "_class_name": .string("StableDiffusionPipeline"),
            "unet": part("diffusers", "UNet2DConditionModel"),
            "vae": part("diffusers", "AutoencoderKL"),
            "text_encoder": part("transformers", "CLIPTextModel"),
            "tokenizer": part("transformers", "CLIPTokenizer"),
            "scheduler": part("diffusers", schedule.configuration.className),
            "feature_extractor": .array([.null, .null]),
            "safety_checker": .array([.null, .null]),
            "requires_safety_checker": .boolean(false),
        ])
    }
}

extension JSONValue {
    /// The fields of an object; empty for any other value.
    fileprivate var fields: [String: JSONValue] {
        if case .object(let fields) = self { fields } else { [:] }
    }
}

extension ScalarType {
    /// PyTorch's name of the type, as used in configuration files.
    fileprivate var pyTorchName: String {
        switch self {
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        default: "float32"
        }
    }
}
