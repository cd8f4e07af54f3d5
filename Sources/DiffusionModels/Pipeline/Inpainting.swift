import Autograd
import Tensor

/// The area of an image that is repainted, in latents.
struct Inpainting: Sendable {
    /// 1 where latents are repainted and 0 where the image is kept, `[1, height, width, 1]`.
    let mask: Tensor
    /// The image's latents, `[batch, height, width, channels]`; nil for an inpainting network that starts from pure noise.
    let original: Tensor?
    /// The starting noise, of the shape of the latents.
    let noise: Tensor
    /// What an inpainting network reads beside the latents: the mask, and the latents of the image without the masked area.
    let condition: Tensor?

    /// The latents to start from at a level, by which the image is noised if there is one to keep.
    func start(at level: SignalLevel, noiseScale: Double, strength: Double) -> Tensor {
        guard strength < 1, let original else { return noise * Float(noiseScale) }
        return level.noisy(original, noise: noise)
    }

    /// Latents at a level whose kept area is the noised image's. Inpainting networks keep it by themselves.
    func restored(_ latents: Tensor, at level: SignalLevel?) -> Tensor {
        guard condition == nil, let original else { return latents }
        let kept = level.map { $0.noisy(original, noise: noise) } ?? original
        return kept + (latents - kept) * mask
    }
}

extension TextToImageModel {
    /// The latents of an image to repaint, as diffusers' `StableDiffusionInpaintPipeline` prepares them.
    ///
    /// - Parameters:
    ///   - picture: the image.
    ///   - mask: an image of the same size, white where the image is repainted.
    ///   - isWhole: whether sampling starts from pure noise.
    ///   - noise: the random streams, one per image.
    ///
    /// Throws ``ModelError`` for a mask of another size, a model without an autoencoder, and unless the sides are multiples of the pixels
    /// per latent.
    func inpainting(
        of picture: Picture, mask: Picture, startsFromNoise isWhole: Bool, using noise: inout LatentNoise
    ) throws -> Inpainting {
        guard (mask.width, mask.height) == (picture.width, picture.height) else {
            throw ModelError.invalidArgument(
                operation: "inpainting", argument: "mask",
                expected: "the image's \(picture.width) × \(picture.height) pixels",
                found: "\(mask.width) × \(mask.height)")
        }
        let size = try latentSize(height: picture.height, width: picture.width)
        let isConditioned = network.conditionChannels > 0
        let original = isConditioned && isWhole ? nil : try latents(of: picture, using: &noise)
        let start = noise.next(height: size.height, width: size.width, channels: network.latentChannels)
        // Without an inpainting network only its noise is needed, so that later noise is as in diffusers.
        let masked = try latents(of: isConditioned ? picture.erased(where: mask) : picture.tensor, using: &noise)
        let (factor, painted) = (decoder.pixelsPerLatent, mask.isWhite)
        let places = (0..<size.height * size.width).map { place in
            painted[place / size.width * factor * mask.width + place % size.width * factor] ? Float(1) : 0
        }
        let area = Tensor(places, shape: [1, size.height, size.width, 1])
        let condition = Tensor.concatenate(
            [area.broadcast(to: Array(masked.shape.dropLast()) + [1]), masked], axis: 3)
        return Inpainting(mask: area, original: original, noise: start, condition: isConditioned ? condition : nil)
    }
}

extension Picture {
    /// Whether each pixel's grey value, by Pillow's weights, is at least half of white.
    fileprivate var isWhite: [Bool] {
        (0..<width * height).map { place in
            let (red, green, blue) = (Int(pixels[3 * place]), Int(pixels[3 * place + 1]), Int(pixels[3 * place + 2]))
            return (red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16 >= 128
        }
    }

    /// The picture's tensor with 0, mid-grey, where the mask is white.
    fileprivate func erased(where mask: Picture) -> Tensor {
        let kept = Tensor(mask.isWhite.map { $0 ? 0 : 1 }, shape: [height, width, 1])
        return tensor * kept.broadcast(to: [height, width, 3])
    }
}
