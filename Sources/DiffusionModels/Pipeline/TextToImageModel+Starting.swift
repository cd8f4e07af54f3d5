import Autograd
import Tensor

extension TextToImageModel {
    /// The size of latents whose pictures have a size in pixels.
    ///
    /// Throws ``ModelError`` unless both are positive multiples of the decoder's pixels a latent.
    public func latentSize(height: Int, width: Int) throws -> LatentSize {
        let factor = decoder.pixelsPerLatent
        for (name, extent) in [("height", height), ("width", width)] {
            guard extent > 0, extent % factor == 0 else {
                throw ModelError.invalidArgument(
                    operation: "latentSize(height:width:)", argument: name, expected: "a multiple of \(factor) pixels",
                    found: "\(extent)")
            }
        }
        return LatentSize(height: height / factor, width: width / factor)
    }

    /// The starting noise of `count` pictures, `[count, height, width, channels]`, from the seeds `seed`, `seed + 1`, …,
    /// and the streams as they stand after it.
    ///
    /// Each picture's noise is `torch.manual_seed(seed); torch.randn(1, channels, height, width)`.
    public func startingLatents(
        count: Int, seed: UInt64, size: LatentSize? = nil
    ) -> (latents: Tensor, noise: LatentNoise) {
        var noise = LatentNoise(seed: seed, count: count)
        let size = size ?? latentSize
        let latents = noise.next(
            height: size.height, width: size.width, channels: unet.configuration.inputChannels)
        return (latents, noise)
    }

    /// A picture resized to what the model can start from, as diffusers' `VaeImageProcessor` does it: by Pillow's Lanczos filter.
    ///
    /// - Parameters:
    ///   - picture: of any size.
    ///   - height: in pixels; nil for the picture's own, rounded down to a multiple of the autoencoder's pixels a latent.
    ///   - width: as the height.
    ///
    /// Throws ``ModelError`` for a picture below one latent, and for a height or width that is no such multiple.
    public func fitted(_ picture: Picture, height: Int? = nil, width: Int? = nil) throws -> Picture {
        let factor = decoder.pixelsPerLatent
        guard min(picture.height, picture.width) >= factor else {
            throw ModelError.invalidArgument(
                operation: "fitted(_:height:width:)", argument: "picture", expected: "at least \(factor) pixels a side",
                found: "\(picture.width) × \(picture.height)")
        }
        let newHeight = height ?? picture.height / factor * factor
        let newWidth = width ?? picture.width / factor * factor
        _ = try latentSize(height: newHeight, width: newWidth)
        return picture.resized(width: newWidth, height: newHeight)
    }

    /// A picture's latents as the network has them, one a stream of `noise`, drawn from the autoencoder's distribution as
    /// diffusers does: `[pictures, height, width, channels]`.
    ///
    /// Throws ``ModelError`` for a model without an autoencoder, and unless the picture's sides are multiples of its pixels a latent.
    public func latents(of picture: Picture, using noise: inout LatentNoise) throws -> Tensor {
        guard let autoencoder else { throw ModelError.missingAutoencoder(path: checkpoint.url.path) }
        _ = try latentSize(height: picture.height, width: picture.width)
        let colours = picture.tensor.reshaped(to: [1, picture.height, picture.width, 3])
        let distribution = autoencoder.encode(Variable(colours))
        let (mean, deviation) = (distribution.mean.value, (distribution.logVariance * 0.5).exp().value)
        let draws = noise.next(height: mean.shape[1], width: mean.shape[2], channels: mean.shape[3])
        return (mean + deviation * draws) * Float(autoencoder.configuration.scalingFactor)
    }

    /// The latents to start from, and the streams as they stand after it. Throws ``ModelError`` for latents that do not fit.
    func start(
        _ start: SamplingStart, count: Int, seed: UInt64
    ) throws -> (latents: Tensor, noise: LatentNoise) {
        switch start {
        case .noise(let size):
            try checkMemory(count: count, size: size ?? latentSize, operation: "samples")
            return startingLatents(count: count, seed: seed, size: size)
        case .latents(let latents):
            let channels = unet.configuration.inputChannels
            guard latents.rank == 4, latents.shape[0] == count, latents.shape[3] == channels, latents.count > 0 else {
                throw ModelError.invalidArgument(
                    operation: "samples", argument: "latents",
                    expected: "[\(count) pictures, height, width, \(channels)]", found: "\(latents.shape)")
            }
            return (latents, LatentNoise(seed: seed, count: count))
        case .picture(let picture, _):
            var noise = LatentNoise(seed: seed, count: count)
            return (try latents(of: picture, using: &noise), noise)
        }
    }
}
