/// The progress of loading one of a model's networks.
public struct LoadingProgress: Sendable, Hashable {
    /// The network's folder name: `unet`, `vae`, `text_encoder` or `text_encoder_2`.
    public let network: String
    /// The bytes of weights that have been read and checked.
    public internal(set) var loadedBytes: Int
    /// The bytes of all weights of the network.
    public let totalBytes: Int

    /// The loaded fraction, from 0 to 1.
    public var fraction: Double { totalBytes == 0 ? 1 : Double(loadedBytes) / Double(totalBytes) }
}
