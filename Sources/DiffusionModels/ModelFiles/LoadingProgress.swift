/// How far the loading of one of a model's networks has come.
public struct LoadingProgress: Sendable, Hashable {
    /// The network, named as its folder: `unet`, `vae` or `text_encoder`.
    public let network: String
    /// The bytes of weights that were read and checked.
    public internal(set) var loadedBytes: Int
    /// The bytes of all weights of the network.
    public let totalBytes: Int

    /// The share that was loaded, from 0 to 1.
    public var fraction: Double { totalBytes == 0 ? 1 : Double(loadedBytes) / Double(totalBytes) }
}
