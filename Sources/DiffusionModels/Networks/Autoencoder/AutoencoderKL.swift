import Autograd
import Tensor

/// The autoencoder of Stable Diffusion (arXiv 2112.10752), which maps between images and latents; diffusers' class of the same
/// name. At `MatmulPrecision.high` its innermost layers, and those at both ends, are computed in Float32.
public struct AutoencoderKL: Sendable {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under diffusers' keys.
    public let parameters: ParameterSet

    private let encoder: Encoder
    private let quantConvolution: Conv2d?
    private let postQuantConvolution: Conv2d?
    private let decoder: Decoder

    /// Declares the network's parameters in `scope`, or reuses those declared there.
    public init(_ configuration: Configuration, in scope: ParameterScope) {
        require(!configuration.blockChannels.isEmpty, "AutoencoderKL: expected at least one block, found none")
        self.configuration = configuration
        parameters = scope.parameters
        encoder = Encoder(configuration, in: scope["encoder"])
        let latent = configuration.latentChannels
        quantConvolution =
            configuration.hasQuantConvolution
            ? Conv2d(
                inputs: 2 * latent, outputs: 2 * latent, kernelSize: 1, padding: .init(0), in: scope["quant_conv"])
            : nil
        postQuantConvolution =
            configuration.hasPostQuantConvolution
            ? Conv2d(inputs: latent, outputs: latent, kernelSize: 1, padding: .init(0), in: scope["post_quant_conv"])
            : nil
        decoder = Decoder(configuration, in: scope["decoder"])
    }

    /// The distribution of an image's latents, not yet multiplied by ``Configuration/scalingFactor``.
    ///
    /// - Parameter pictures: `[batch, height, width, 3]` in −1…1; height and width multiples of
    ///   ``Configuration/pixelsPerLatent``.
    public func encode(_ pictures: Variable) -> LatentDistribution {
        let channels = configuration.inputChannels
        require(
            pictures.shape.count == 4 && pictures.shape[3] == channels,
            "AutoencoderKL.encode: expected pictures [batch, height, width, \(channels)], found \(pictures.shape)")
        let features = encoder(pictures)
        let moments = Self.innermostPrecision.within { quantConvolution?(features) ?? features }
        let latent = configuration.latentChannels
        return LatentDistribution(
            mean: moments.sliced(axis: 3, 0..<latent),
            logVariance: moments.sliced(axis: 3, latent..<2 * latent).clamped(to: -30...20))
    }

    /// Decodes unscaled latents: divide those of the denoising network by ``Configuration/scalingFactor``.
    ///
    /// - Parameter latents: `[batch, height, width, latent channels]`.
    /// - Returns: `[batch, height′, width′, 3]`, nominally in −1…1.
    public func decode(_ latents: Variable) -> Variable {
        let channels = configuration.latentChannels
        require(
            latents.shape.count == 4 && latents.shape[3] == channels,
            "AutoencoderKL.decode: expected latents [batch, height, width, \(channels)], found \(latents.shape)")
        return decoder(Self.innermostPrecision.within { postQuantConvolution?(latents) ?? latents })
    }
}

/// A diagonal normal distribution over latents: the moments in diffusers.
public struct LatentDistribution: Sendable {
    /// `[batch, height, width, latent channels]`.
    public let mean: Variable
    /// The logarithm of the variance, clamped to −30…20; of the mean's shape.
    public let logVariance: Variable

    /// A sample, mean + deviation · noise; `noise` has the mean's shape.
    public func sample(noise: Tensor) -> Variable {
        mean + (logVariance * 0.5).exp() * Variable(noise)
    }
}
