import Autograd
import Foundation
import Tensor

/// Decodes the denoising network's latents into images.
public protocol LatentDecoder: Parameterized {
    /// The images of latents, nominally in −1…1.
    ///
    /// - Parameter latents: scaled as the denoising network's, `[batch, height, width, channels]`.
    /// - Returns: `[batch, height′, width′, 3]`.
    func pictures(of latents: Variable) -> Variable

    /// Image pixels per latent pixel in each direction.
    var pixelsPerLatent: Int { get }

    /// The channels of a feature map at the images' full size, by which memory is estimated.
    var channelsAtFullSize: Int { get }
}

extension LatentDecoder {
    /// One pixel per latent pixel by default.
    public var pixelsPerLatent: Int { 1 }

    /// 3 by default: the images' colours.
    public var channelsAtFullSize: Int { 3 }
}

extension AutoencoderKL: LatentDecoder {
    /// Divides latents by ``Configuration/scalingFactor``, then decodes them.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// The same architecture over the parameters of `scope`.
    public func over(_ scope: ParameterScope) -> Self { Self(configuration, in: scope) }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }

    /// The first of `block_out_channels`.
    public var channelsAtFullSize: Int { configuration.blockChannels.first ?? 1 }
}

extension AutoencoderTiny: LatentDecoder {
    /// Decodes latents as they are: this autoencoder was trained on scaled ones.
    public func pictures(of latents: Variable) -> Variable {
        decode(latents * Float(1 / configuration.scalingFactor))
    }

    /// The same architecture over the parameters of `scope`.
    public func over(_ scope: ParameterScope) -> Self { Self(configuration, in: scope) }

    /// See ``Configuration/pixelsPerLatent``.
    public var pixelsPerLatent: Int { configuration.pixelsPerLatent }

    /// The last of the decoder's `decoder_block_out_channels`.
    public var channelsAtFullSize: Int { configuration.decoderChannels.last ?? 1 }
}

extension ModelFiles {
    /// Loads a standalone decoder, frozen: the diffusers folder of an `AutoencoderKL` or an `AutoencoderTiny`, or a single
    /// safetensors file of either in diffusers' layout or its authors'.
    ///
    /// Throws ``ModelError`` or `SafetensorsError`.
    public static func latentDecoder(contentsOf url: URL) throws -> any LatentDecoder {
        try AutoencoderFiles(contentsOf: url).decoder()
    }
}
