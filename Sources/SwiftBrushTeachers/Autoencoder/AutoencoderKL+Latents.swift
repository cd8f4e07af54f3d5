import Autograd
import DiffusionModels
import Tensor

extension AutoencoderKL {
    /// The means of the pictures' latents times the scaling factor, `[pictures, height, width, channels]`.
    ///
    /// Throws ``TrainingError`` unless the pictures' sides are multiples of the autoencoder's pixels per latent.
    public func latents(of pictures: CaptionedPictures) throws -> Tensor {
        let factor = configuration.pixelsPerLatent
        guard pictures.height % factor == 0, pictures.width % factor == 0 else {
            throw TrainingError.invalidSetting(
                name: "autoencoder", expected: "pictures whose sides are multiples of \(factor) pixels",
                found: "\(pictures.width) × \(pictures.height)")
        }
        // The encoder holds several maps of the pictures' size with all of its channels.
        let chunk = max(1, min(32, (1 << 20) / (pictures.height * pictures.width)))
        let parts = stride(from: 0, to: pictures.count, by: chunk).map { start in
            encode(Variable(pictures.colours(Array(start..<min(start + chunk, pictures.count))))).mean.value
        }
        return .concatenate(parts, axis: 0) * Float(configuration.scalingFactor)
    }
}
