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
    /// Its weights, by which a resumed run recognises it; nil unless it has any.
    var weights: ParameterSet? { get }
}

extension LatentDecoder {
    /// None.
    public var weights: ParameterSet? { nil }
}

extension AutoencoderKL: LatentDecoder {
    /// All of them.
    public var weights: ParameterSet? { parameters }

    /// Decodes latents that are divided by ``Configuration/scalingFactor`` first.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }
}

extension AutoencoderTiny: LatentDecoder {
    /// All of them.
    public var weights: ParameterSet? { parameters }

    /// Decodes latents multiplied as the network's, which is what this autoencoder was trained on.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }
}

extension ModelCheckpoint {
    /// The decoder in files of its own, frozen: the diffusers folder of an `AutoencoderKL` or an `AutoencoderTiny`, or a single
    /// safetensors file of either in diffusers' layout or its authors'.
    ///
    /// Throws ``ModelError`` or `SafetensorsError`.
    public static func latentDecoder(contentsOf url: URL) throws -> any LatentDecoder {
        try AutoencoderFiles(contentsOf: url).decoder()
    }
}
