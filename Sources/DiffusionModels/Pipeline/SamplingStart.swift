import Tensor

/// What a picture is made from.
public enum SamplingStart: Sendable {
    /// The seeds' noise, of the size that the network was trained on or another.
    case noise(size: LatentSize? = nil)
    /// Noise that is given, N(0, 1), `[pictures, height, width, channels]`.
    case latents(Tensor)
    /// A picture, noised and drawn again (SDEdit, arXiv 2108.01073); of the steps the share `strength` is made, above 0 and at
    /// most 1, and 1 keeps nothing of the picture. Only with several steps.
    case picture(Picture, strength: Double)
}
