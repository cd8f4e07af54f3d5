import Autograd
import Tensor

extension TextToImageModel {
    /// The size of the latents of images with this size in pixels.
    ///
    /// Throws ``ModelError`` unless both are positive multiples of the decoder's pixels per latent.
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

    /// The starting noise of `count` images, `[count, height, width, channels]`, from the seeds `seed`, `seed + 1`, …, and the random
    /// streams from which later noise is generated.
    ///
    /// Each image's noise is `torch.manual_seed(seed); torch.randn(1, channels, height, width)`.
    ///
    /// Throws ``ModelError`` unless count and size are positive and the images fit in memory.
    public func startingLatents(
        count: Int, seed: UInt64, size: LatentSize? = nil
    ) throws -> (latents: Tensor, noise: LatentNoise) {
        let size = size ?? latentSize
        try checkMemory(count: count, size: size, operation: "startingLatents(count:seed:size:)")
        var noise = LatentNoise(seed: seed, count: count)
        let latents = noise.next(
            height: size.height, width: size.width, channels: network.latentChannels)
        return (latents, noise)
    }

    /// Resizes a picture to a size that the model supports, with Pillow's Lanczos filter, as in diffusers' `VaeImageProcessor`.
    ///
    /// - Parameters:
    ///   - picture: a picture of any size.
    ///   - height: the height in pixels; nil for the picture's own, rounded down to a multiple of the decoder's pixels per latent.
    ///   - width: the width in pixels; nil as for the height.
    ///
    /// Throws ``ModelError`` for a picture smaller than one latent pixel, and for a height or width that is not such a multiple.
    public func fitted(_ picture: Picture, height: Int? = nil, width: Int? = nil) throws -> Picture {
        let factor = decoder.pixelsPerLatent
        guard min(picture.height, picture.width) >= factor else {
            throw ModelError.invalidArgument(
                operation: "fitted(_:height:width:)", argument: "picture",
                expected: "at least \(factor) pixels per side", found: "\(picture.width) × \(picture.height)")
        }
        let newHeight = height ?? picture.height / factor * factor
        let newWidth = width ?? picture.width / factor * factor
        _ = try latentSize(height: newHeight, width: newWidth)
        return try picture.resized(width: newWidth, height: newHeight)
    }

    /// A picture's latents, scaled as the network's: one sample of the autoencoder's distribution per stream of `noise`, as in diffusers;
    /// `[pictures, height, width, channels]`.
    ///
    /// Throws ``ModelError`` for a model without an autoencoder, and unless the picture's sides are multiples of the pixels per latent.
    public func latents(of picture: Picture, using noise: inout LatentNoise) throws -> Tensor {
        try latents(of: picture.tensor, using: &noise)
    }

    /// The latents of colours `[height, width, 3]` in −1…1.
    func latents(of colours: Tensor, using noise: inout LatentNoise) throws -> Tensor {
        guard let autoencoder else { throw ModelError.missingAutoencoder(path: name) }
        _ = try latentSize(height: colours.shape[0], width: colours.shape[1])
        let colours = colours.reshaped(to: [1] + colours.shape)
        let distribution = autoencoder.encode(Variable(colours))
        let (mean, deviation) = (distribution.mean.value, (distribution.logVariance * 0.5).exp().value)
        let standardNoise = noise.next(height: mean.shape[1], width: mean.shape[2], channels: mean.shape[3])
        return (mean + deviation * standardNoise) * Float(autoencoder.configuration.scalingFactor)
    }

    /// Throws ``ModelError`` for latents of another shape than the network's, or of another number of images than `count`.
    func checkLatents(_ latents: Tensor, count: Int? = nil, operation: String) throws {
        let channels = network.latentChannels
        guard latents.rank == 4, latents.shape[3] == channels, latents.count > 0,
            count.map({ $0 == latents.shape[0] }) ?? true
        else {
            throw ModelError.invalidArgument(
                operation: operation, argument: "latents",
                expected: "[\(count.map { "\($0) pictures" } ?? "pictures"), height, width, \(channels)]",
                found: "\(latents.shape)")
        }
    }

    /// The latents to start from, and the random streams for later noise. Throws ``ModelError`` for latents of another shape.
    func start(
        _ start: SamplingStart, count: Int, seed: UInt64
    ) throws -> (latents: Tensor, noise: LatentNoise) {
        switch start {
        case .noise(let size):
            try checkMemory(count: count, size: size ?? latentSize, operation: "samples")
            return try startingLatents(count: count, seed: seed, size: size)
        case .latents(let latents):
            try checkLatents(latents, count: count, operation: "samples")
            return (latents, LatentNoise(seed: seed, count: count))
        case .picture(let picture, _), .inpainting(let picture, _, _):
            var noise = LatentNoise(seed: seed, count: count)
            return (try latents(of: picture, using: &noise), noise)
        }
    }
}
