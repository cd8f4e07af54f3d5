import Tensor

/// Where a sampler stands after one of its steps.
public struct DenoisingStep: Sendable {
    /// Which step, from 0.
    public let index: Int
    /// How many steps the sampler makes.
    public let total: Int
    /// The timestep at which the network was asked; not always a whole one.
    public let timestep: Double
    /// The latents after the step, `[batch, height, width, channels]`; of the last step, the result.
    public let latents: Tensor
    /// The network's x₀ at this step, for previews; the shape of the latents.
    public let predictedOriginal: Tensor
}

/// Normal noise for latents, one random stream a picture.
///
/// Each picture's numbers come in PyTorch's order, `[channels, height, width]`, so that the stream of seed s gives what
/// `torch.manual_seed(s)` gives diffusers, whatever the batch.
public struct LatentNoise: Sendable {
    /// The streams, one a picture.
    public private(set) var streams: [RandomStream]

    /// Streams that go on from where they stand.
    public init(streams: [RandomStream]) {
        self.streams = streams
    }

    /// Streams of the seeds `seed`, `seed + 1`, ….
    public init(seed: UInt64, count: Int) {
        streams = (0..<count).map { RandomStream(seed: seed &+ UInt64($0)) }
    }

    /// The next noise, `[pictures, height, width, channels]`.
    public mutating func next(height: Int, width: Int, channels: Int) -> Tensor {
        let pictures = streams.indices.map { streams[$0].normal([1, channels, height, width]) }
        return Tensor.concatenate(pictures, axis: 0).channelsLast()
    }

    /// The next noise in the shape of latents, `[pictures, height, width, channels]`.
    mutating func next(like latents: Tensor) -> Tensor {
        precondition(
            latents.rank == 4 && latents.shape[0] == streams.count,
            "LatentNoise: expected latents of \(streams.count) pictures, found \(latents.shape)")
        return next(height: latents.shape[1], width: latents.shape[2], channels: latents.shape[3])
    }
}
