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

extension ModelCheckpoint {
    /// The decoder in a folder of its own: an `AutoencoderKL` or an `AutoencoderTiny`, as its `config.json` says, frozen.
    ///
    /// Throws ``ModelError`` or `SafetensorsError`.
    public static func latentDecoder(contentsOf folder: URL) throws -> any LatentDecoder {
        let fields = try ConfigurationFields(
            contentsOf: folder.appending(path: "config.json"), purpose: "the configuration of an autoencoder")
        let parameters = ParameterSet()
        switch try fields.string("_class_name", default: nil) {
        case "AutoencoderKL":
            let model = AutoencoderKL(try .init(fields), in: parameters.scope)
            try parameters.load(from: AutoencoderKL.weights(in: folder))
            return model
        case "AutoencoderTiny":
            let model = AutoencoderTiny(try .init(fields), in: parameters.scope)
            try parameters.load(from: WeightFiles(in: folder, stem: Part.vae.stem))
            return model
        default: throw fields.unsupported("_class_name", expected: "\"AutoencoderKL\" or \"AutoencoderTiny\"")
        }
    }
}
