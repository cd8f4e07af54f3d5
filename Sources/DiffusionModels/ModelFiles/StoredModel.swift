import Autograd
import Foundation
import Tensor

/// The files of a model folder in diffusers' layout, as they are written.
struct StoredModel {
    private let network: StoredPart
    private let autoencoder: StoredPart
    private let text: StoredTextEncoder
    private let schedule: NoiseSchedule
    private let oneStep: OneStepConfiguration?

    /// Throws ``ModelError`` for a model with a part that cannot be stored.
    init(_ model: TextToImageModel) throws {
        func unsupported(_ part: String, _ type: Any) -> ModelError {
            .invalidArgument(
                operation: "TextToImageModel.save", argument: part,
                expected: "one that can be stored in a model folder (its property stored)", found: "\(type)")
        }
        guard let autoencoder = model.autoencoder else { throw ModelError.missingAutoencoder(path: model.name) }
        guard let network = model.network.stored else { throw unsupported("network", type(of: model.network)) }
        guard let text = try model.textEncoder.stored() else {
            throw unsupported("textEncoder", type(of: model.textEncoder))
        }
        (self.network, self.text, schedule, oneStep) = (network, text, model.schedule, model.oneStep)
        self.autoencoder = StoredPart(
            library: "diffusers", className: "AutoencoderKL", configuration: autoencoder.configuration.json,
            parameters: autoencoder.parameters)
    }

    /// Writes all files to a folder; returns the names of all but `model_index.json`.
    func write(to folder: URL, _ scalarType: ScalarType) throws -> [String] {
        var names: [String] = []
        func place(_ name: String) throws -> URL {
            names.append(name)
            let file = folder.appending(path: name)
            try DurableFile.makeFolder(file.deletingLastPathComponent())
            return file
        }
        let texts = [(ModelFiles.Part.textEncoder, text)] + text.second.map { (.textEncoder2, $0) }
        for (part, stored) in [(.unet, network), (.vae, autoencoder)] + texts.map({ ($0, $1.part) }) {
            try stored.configuration(as: scalarType).write(to: place("\(part.rawValue)/config.json"))
            try Safetensors.write(
                stored.tensors(as: scalarType), scalarType: scalarType, metadata: ["format": "pt"],
                to: place("\(part.rawValue)/\(part.stem).safetensors"))
        }
        for (part, text) in texts {
            for name in try tokenizerFiles(of: text) {
                try DurableFile.write(
                    contents(name, of: text), to: place("\(part.ownTokenizer.rawValue)/\(name)"))
            }
        }
        try schedule.configuration.json.write(
            to: place("\(ModelFiles.Part.scheduler.rawValue)/scheduler_config.json"))
        try oneStep?.json.write(to: place(OneStepConfiguration.fileName))
        try index.write(to: folder.appending(path: DiffusersFolder.indexName))
        return names
    }

    /// The names of the regular files in the tokenizer's folder, including links to files.
    private func tokenizerFiles(of text: StoredTextEncoder) throws -> [String] {
        let folder = text.tokenizerFolder
        return try FileError.attempt(.reading, folder.path) {
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().filter { name in
                var isFolder: ObjCBool = false
                let path = folder.appending(path: name).path
                return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
            }
        }
    }

    /// A file of the tokenizer, with the padding token that is in use.
    private func contents(_ name: String, of text: StoredTextEncoder) throws -> Data {
        let file = text.tokenizerFolder.appending(path: name)
        guard let padding = text.paddingToken, ["special_tokens_map.json", "tokenizer_config.json"].contains(name),
            case .object(var fields) = try JSONValue(contentsOf: file, purpose: "the tokenizer's configuration")
        else { return try FileContents.read(file) }
        fields["pad_token"] = .string(padding)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(JSONValue.object(fields))
    }

    private var index: JSONValue {
        func entry(_ library: String, _ name: String) -> JSONValue { .array([.string(library), .string(name)]) }
        func entry(_ part: StoredPart) -> JSONValue { entry(part.library, part.className) }
        var fields: [String: JSONValue] = [
            "_class_name": .string("StableDiffusionPipeline"),
            "unet": entry(network),
            "vae": entry(autoencoder),
            "text_encoder": entry(text.part),
            "tokenizer": entry(text.tokenizerLibrary, text.tokenizerClass),
            "scheduler": entry("diffusers", schedule.configuration.className),
            "feature_extractor": .array([.null, .null]),
        ]
        if let second = text.second.first {
            fields["_class_name"] = .string("StableDiffusionXLPipeline")
            fields["text_encoder_2"] = entry(second.part)
            fields["tokenizer_2"] = entry(second.tokenizerLibrary, second.tokenizerClass)
            fields["image_encoder"] = .array([.null, .null])
            fields["force_zeros_for_empty_prompt"] = .boolean(text.zeroesEmptyPrompt)
        } else {
            fields["safety_checker"] = .array([.null, .null])
            fields["requires_safety_checker"] = .boolean(false)
        }
        return .object(fields)
    }
}

extension StoredPart {
    /// The fields of `config.json`; those of transformers name the weights' type. 8-bit integers are named as a method of quantisation, so
    /// that diffusers says that it does not know it, instead of reading the integers as weights.
    fileprivate func configuration(as scalarType: ScalarType) -> JSONValue {
        guard case .object(var fields) = configuration else { return configuration }
        if library == "transformers" { fields["dtype"] = .string(scalarType.pyTorchName) }
        if scalarType == .int8 {
            fields["quantization_config"] = .object(["quant_method": .string("swiftbrush_int8")])
        }
        return .object(fields)
    }

    /// The weights; for 8-bit integers those of linear layers and convolutions are converted.
    fileprivate func tensors(as scalarType: ScalarType) -> [(name: String, tensor: Tensor)] {
        parameters.all.map { parameter in
            let isConverted = scalarType == .int8 && parameter.isProductWeight
            return (parameter.path, isConverted ? parameter.value.quantized() : parameter.value)
        }
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
