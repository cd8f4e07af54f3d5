import Autograd
import Foundation
import Tensor

/// The files of a standalone autoencoder: a diffusers folder, or one safetensors file of an `AutoencoderKL` in diffusers' or
/// latent-diffusion's layout, of an `AutoencoderTiny`, or of TAESD's decoder alone.
///
/// A single file has no configuration, unless its folder contains a `config.json`. Sizes are then inferred from the shapes of its tensors;
/// the other fields are those of Stable Diffusion 1 and 2.
struct AutoencoderFiles: Sendable {
    enum Network: Sendable {
        case full(AutoencoderKL.Configuration)
        case tiny(AutoencoderTiny.Configuration)
    }

    let network: Network
    /// The configuration's fields, for error messages.
    let fields: ConfigurationFields
    let weights: WeightFiles
    /// Whether the configuration was inferred from the shapes of the tensors.
    let isConfigurationAssumed: Bool

    /// Reads the configuration. Throws ``ModelError`` if the files are not an autoencoder's, and `SafetensorsError`.
    init(contentsOf url: URL, storage: FileStorage = .mapped) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
            throw ModelError.missingFile(
                path: url.path, purpose: "an autoencoder: a diffusers folder or a safetensors file")
        }
        if isFolder.boolValue {
            try self.init(folder: url, storage)
        } else {
            try self.init(file: url, storage)
        }
    }

    private init(folder: URL, _ storage: FileStorage) throws {
        let index = folder.appending(path: DiffusersFolder.indexName)
        if FileManager.default.fileExists(atPath: index.path) {
            throw ModelError.unreadableFile(
                path: folder.path,
                reason: "it is a whole model; name the folder of its autoencoder, \(folder.appending(path: "vae").path)"
            )
        }
        fields = try ConfigurationFields(
            contentsOf: folder.appending(path: "config.json"), purpose: "the configuration of an autoencoder")
        network = try Network(fields)
        isConfigurationAssumed = false
        switch network {
        case .full: weights = try AutoencoderKL.weights(in: folder, storage: storage)
        case .tiny: weights = try WeightFiles(in: folder, stem: ModelFiles.Part.vae.stem, storage: storage)
        }
    }

    private init(file url: URL, _ storage: FileStorage) throws {
        let file = try SafetensorsFile(contentsOf: url, storage: storage)
        let described = Self.configuration(beside: url)
        isConfigurationAssumed = described == nil
        func has(_ prefix: String) -> Bool { file.names.contains { $0.hasPrefix(prefix) } }
        let original = ["first_stage_model.", ""].first { has("\($0)decoder.up.") || has("\($0)decoder.mid.") }
        if let original {
            let tensors = PrefixedTensors(file, prefix: original)
            let source = try LatentDiffusionAutoencoder(tensors)
            fields = try ConfigurationFields(.object(source.fields), file: url.path)
            weights = try WeightFiles(
                [file], path: url.path,
                naming: { key in
                    guard key.hasPrefix(original) else { return [] }
                    let local = String(key.dropFirst(original.count))
                    return source.names(for: local) ?? [key]
                }, isLinear: AutoencoderKL.isLinear)
        } else if has("decoder.up_blocks.") {
            fields =
                try described
                ?? ConfigurationFields(
                    .object(AutoencoderKL.fields(of: PrefixedTensors(file, prefix: ""))), file: url.path)
            weights = try WeightFiles(
                [file], path: url.path, naming: AutoencoderKL.names, isLinear: AutoencoderKL.isLinear)
        } else if let layout = TinyAutoencoderLayout(file.names) {
            let tensors = PrefixedTensors(file, prefix: "", naming: layout.name(of:))
            fields = try described ?? ConfigurationFields(.object(AutoencoderTiny.fields(of: tensors)), file: url.path)
            weights = try WeightFiles([file], path: url.path, naming: { [layout.name(of: $0)] })
        } else {
            throw ModelError.unreadableFile(
                path: url.path,
                reason: "expected an autoencoder (--vae), found \(CheckpointKind(tensors: file.names).rawValue)")
        }
        network = try Network(fields)
    }

    /// The `config.json` in the folder of a weight file.
    private static func configuration(beside file: URL) -> ConfigurationFields? {
        guard file.lastPathComponent.hasPrefix(ModelFiles.Part.vae.stem) else { return nil }
        let configuration = file.deletingLastPathComponent().appending(path: "config.json")
        guard FileManager.default.fileExists(atPath: configuration.path) else { return nil }
        return try? ConfigurationFields(contentsOf: configuration, purpose: "the configuration of an autoencoder")
    }

    /// The network with its weights, frozen. Throws ``ModelError`` and `SafetensorsError`.
    func decoder(_ type: WeightType = .stored) throws -> any LatentDecoder {
        let parameters = ParameterSet()
        switch network {
        case .full(let configuration):
            try weights.check(layers: configuration.layerCount)
            let model = AutoencoderKL(configuration, in: parameters.scope)
            try parameters.load(from: weights, as: type)
            return model
        case .tiny(let configuration):
            try weights.check(layers: configuration.layerCount)
            let model = AutoencoderTiny(configuration, in: parameters.scope)
            try parameters.load(from: weights, as: type)
            return model
        }
    }
}

extension AutoencoderFiles.Network {
    /// Reads a configuration of either class. Throws ``ModelError``.
    fileprivate init(_ fields: ConfigurationFields) throws {
        switch try fields.string("_class_name", default: nil) {
        case "AutoencoderKL": self = .full(try .init(fields))
        case "AutoencoderTiny": self = .tiny(try .init(fields))
        default: throw fields.unsupported("_class_name", expected: "\"AutoencoderKL\" or \"AutoencoderTiny\"")
        }
    }
}

extension AutoencoderKL {
    /// The `config.json` of a file in diffusers' layout, inferred from the shapes of its tensors.
    ///
    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    static func fields(of tensors: PrefixedTensors) throws -> [String: JSONValue] {
        let blocks = max(tensors.count { "encoder.down_blocks.\($0).resnets.0.conv1.weight" }, 1)
        let channels = try (0..<blocks).map { block in
            JSONValue.integer(try tensors.shape("encoder.down_blocks.\(block).resnets.0.conv1.weight", rank: 4)[0])
        }
        return [
            "_class_name": .string("AutoencoderKL"),
            "in_channels": .integer(try tensors.shape("encoder.conv_in.weight", rank: 4)[1]),
            "out_channels": .integer(try tensors.shape("decoder.conv_out.weight", rank: 4)[0]),
            "latent_channels": .integer(try tensors.shape("decoder.conv_in.weight", rank: 4)[1]),
            "block_out_channels": .array(channels),
            "layers_per_block": .integer(tensors.count { "encoder.down_blocks.0.resnets.\($0).conv1.weight" }),
            "sample_size": .integer(512),
            "mid_block_add_attention": .boolean(tensors.first { $0.hasPrefix("encoder.mid_block.attentions.") } != nil),
            "use_quant_conv": .boolean(tensors.contains("quant_conv.weight")),
            "use_post_quant_conv": .boolean(tensors.contains("post_quant_conv.weight")),
        ]
    }
}
