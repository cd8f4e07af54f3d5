import Tensor

/// The starting point of a sampling.
public enum SamplingStart: Sendable {
    /// Noise from the seeds; nil means the size that the network was trained on.
    case noise(size: LatentSize? = nil)
    /// The given noise, N(0, 1), `[pictures, height, width, channels]`.
    case latents(Tensor)
    /// An image that is noised and denoised again (SDEdit, arXiv 2108.01073). `strength` is the fraction of the steps that are made,
    /// above 0 and at most 1; 1 keeps nothing of the image. Only for multi-step sampling.
    case picture(Picture, strength: Double)
    /// An image of which the area is repainted that is white in `mask`, an image of the same size. `strength` is the fraction of the steps
    /// that are made; with 1, as in diffusers by default, the area starts from pure noise. Inpainting networks read the mask and the rest of the
    /// image; other networks sample the whole image, and the rest is replaced by the noised image after each step. Only for multi-step
    /// sampling.
    case inpainting(Picture, mask: Picture, strength: Double)
}
