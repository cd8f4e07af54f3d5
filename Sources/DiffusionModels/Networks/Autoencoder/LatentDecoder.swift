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

    /// Picture pixels a latent pixel, in each direction.
    var pixelsPerLatent: Int { get }

    /// The weights.
    var parameters: ParameterSet { get }
}

extension LatentDecoder {
    /// Pictures of the latents' size, unless a decoder says otherwise.
    public var pixelsPerLatent: Int { 1 }

    /// None, unless a decoder says otherwise.
    public var parameters: ParameterSet { ParameterSet() }
}

extension AutoencoderKL: LatentDecoder {
    /// Decodes latents that are divided by ``Configuration/scalingFactor`` first.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }
}

extension AutoencoderTiny: LatentDecoder {
    /// Decodes latents multiplied as the network's, which is what this autoencoder was trained on.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }
}

extension ModelFiles {
    /// The decoder in files of its own, frozen: the diffusers folder of an `AutoencoderKL` or an `AutoencoderTiny`, or a single
    /// safetensors file of either in diffusers' layout or its authors'.
    ///
    /// Throws ``ModelError`` or `SafetensorsError`.
    public static func latentDecoder(contentsOf url: URL) throws -> any LatentDecoder {
        try AutoencoderFiles(contentsOf: url).decoder()
    }
}
