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
}
