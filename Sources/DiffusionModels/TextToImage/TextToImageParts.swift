import Autograd
import Foundation
import Tensor

/// The parts of a text-to-image model that are in memory, to be written as a folder in the diffusers layout.
public struct TextToImageParts {
    /// The denoising network.
    public var unet: UNet2DConditionModel
    /// Between pictures and latents.
    public var autoencoder: AutoencoderKL
    /// From token ids to text embeddings.
    public var textEncoder: CLIPTextModel
    /// The folder whose files become the model's tokenizer.
    public var tokenizerFolder: URL
    /// The denoising network's noise schedule.
    public var schedule: NoiseSchedule
    /// At which timestep a one-step student works, nil for a multi-step model.
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
    /// Existing files of the same names are replaced, each at once; `model_index.json` is taken away first and written
    /// last, so that a folder left half-written is not taken for a model.
    ///
    /// - Parameters:
    ///   - url: the folder, made if it is missing.
    ///   - scalarType: how weights are stored: Float32, Float16 or BFloat16.
    ///
    /// Throws what the file system and `Safetensors.write` throw.
    public func save(to url: URL, scalarType: ScalarType = .float32) throws {
        let files = FileManager.default
        for part in ModelCheckpoint.Part.allCases {
            try files.createDirectory(
                at: url.appending(path: part.rawValue), withIntermediateDirectories: true)
        }
        let index = url.appending(path: DiffusersFolder.indexName)
        try removeIfPresent(index)
        try copyTokenizer(to: url.appending(path: ModelCheckpoint.Part.tokenizer.rawValue))
        try save(.unet, unet.configuration.json, unet.parameters, to: url, scalarType)
        try save(.vae, autoencoder.configuration.json, autoencoder.parameters, to: url, scalarType)
        var text = textEncoder.configuration.json.fields
        text["dtype"] = .string(scalarType.pyTorchName)
        try save(.textEncoder, .object(text), textEncoder.parameters, to: url, scalarType)
        let scheduler = url.appending(path: ModelCheckpoint.Part.scheduler.rawValue)
        try schedule.configuration.json.write(to: scheduler.appending(path: "scheduler_config.json"))
        let student = url.appending(path: OneStepConfiguration.fileName)
        if let oneStep { try oneStep.json.write(to: student) } else { try removeIfPresent(student) }
        try self.index.write(to: index)
    }

    private func save(
        _ part: ModelCheckpoint.Part, _ configuration: JSONValue, _ parameters: ParameterSet, to url: URL,
        _ scalarType: ScalarType
    ) throws {
        let folder = url.appending(path: part.rawValue)
        try configuration.write(to: folder.appending(path: "config.json"))
        let stale = folder.appending(path: "\(part.stem).safetensors.index.json")
        try removeIfPresent(stale)
        try Safetensors.write(
            parameters.checkpointTensors(), scalarType: scalarType, metadata: ["format": "pt"],
            to: folder.appending(path: "\(part.stem).safetensors"))
    }

    private func copyTokenizer(to target: URL) throws {
        if tokenizerFolder.resolvingSymlinksInPath().path == target.resolvingSymlinksInPath().path { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: tokenizerFolder.path).sorted() {
            let data = try Data(contentsOf: tokenizerFolder.appending(path: name))
            try data.write(to: target.appending(path: name), options: .atomic)
        }
    }

    private func removeIfPresent(_ file: URL) throws {
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        try FileManager.default.removeItem(at: file)
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
    /// The fields of an object, none of any other value.
    fileprivate var fields: [String: JSONValue] {
        if case .object(let fields) = self { fields } else { [:] }
    }
}

extension ScalarType {
    /// PyTorch's name of the type, as configuration files write it.
    fileprivate var pyTorchName: String {
        switch self {
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        default: "float32"
        }
    }
}
