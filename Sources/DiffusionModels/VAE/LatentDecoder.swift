import Autograd
import Foundation
import Tensor

/// What makes pictures of the denoising network's latents.
public protocol LatentDecoder {
    /// The pictures, nominally in −1…1.
    ///
    /// - Parameter latents: as the denoising network has them, `[batch, height, width, channels]`.
    /// - Returns: `[batch, height′, width′, 3]`.
    func pictures(of latents: Variable) -> Variable
}

extension AutoencoderKL: LatentDecoder {
    /// Decodes latents that are divided by ``Configuration/scalingFactor`` first.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }
}

extension AutoencoderTiny: LatentDecoder {
    /// Decodes latents multiplied as the network's, which is what this autoencoder was trained on.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }
}

extension ModelDirectory {
    /// The decoder in a folder of its own: an `AutoencoderKL` or an `AutoencoderTiny`, as its `config.json` says, frozen.
    ///
    /// Throws ``ModelError`` or `SafetensorsError`.
    public static func latentDecoder(contentsOf folder: URL) throws -> any LatentDecoder {
        let fields = try ConfigurationFields(
            contentsOf: folder.appending(path: "config.json"), purpose: "the configuration of an autoencoder")
        switch try fields.string("_class_name", default: nil) {
        case "AutoencoderKL": return try AutoencoderKL(fields, weightsIn: folder)
        case "AutoencoderTiny": return try AutoencoderTiny(fields, weightsIn: folder)
        default: throw fields.unsupported("_class_name", expected: "\"AutoencoderKL\" or \"AutoencoderTiny\"")
        }
    }
}

extension AutoencoderKL {
    /// The autoencoder of a part's configuration and weights; its attention's keys may be those of before diffusers 0.18.
    init(_ fields: ConfigurationFields, weightsIn folder: URL) throws {
        let parameters = ParameterSet()
        self.init(try Configuration(fields), in: parameters.scope)
        let weights = try WeightFiles(
            in: folder, stem: ModelDirectory.Part.vae.stem, renaming: Self.currentKey,
            isLinear: { $0.contains(".attentions.") })
        try parameters.load(from: weights)
    }

    /// The key that replaced an old one of the middle blocks' attention.
    private static func currentKey(_ key: String) -> String {
        let replacements = ["query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"]
        var words = key.split(separator: ".").map(String.init)
        guard words.count == 6, words[1] == "mid_block", words[2] == "attentions",
            let replacement = replacements[words[4]]
        else { return key }
        words[4] = replacement
        return words.joined(separator: ".")
    }
}

extension AutoencoderTiny {
    fileprivate init(_ fields: ConfigurationFields, weightsIn folder: URL) throws {
        let parameters = ParameterSet()
        self.init(try Configuration(fields), in: parameters.scope)
        try parameters.load(from: WeightFiles(in: folder, stem: ModelDirectory.Part.vae.stem))
    }
}
