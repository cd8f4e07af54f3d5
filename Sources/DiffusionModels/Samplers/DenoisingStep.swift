import Tensor

/// The state of a sampling after one evaluation of the network: a step, or half a step of a method with two evaluations per step.
public struct DenoisingStep: Sendable {
    /// The index of the evaluation, from 0.
    public let index: Int
    /// The number of evaluations of the sampling: the number of steps, or 2n − 1 for methods with two evaluations per step.
    public let total: Int
    /// The timestep at which the network was evaluated; it may be fractional.
    public let timestep: Double
    /// The latents after the step, `[batch, height, width, channels]`; after the last step, the result.
    public let latents: Tensor
    /// The network's predicted x₀ at this step, for previews; of the latents' shape.
    public let predictedOriginal: Tensor
}

/// Normal noise for latents, with one random stream per image.
///
/// Each image's numbers are generated in PyTorch's order, `[channels, height, width]`, so that the stream of seed s yields the same noise
/// as `torch.manual_seed(s)` in diffusers, whatever the batch.
public struct LatentNoise: Sendable {
    /// The random streams, one per image.
    public private(set) var streams: [RandomStream]

    /// Noise from existing streams, which continue from their current state.
    public init(streams: [RandomStream]) {
        self.streams = streams
    }

    /// Noise from streams with the seeds `seed`, `seed + 1`, ….
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
        require(
            latents.rank == 4 && latents.shape[0] == streams.count,
            "LatentNoise: expected latents of \(streams.count) pictures, found \(latents.shape)")
        return next(height: latents.shape[1], width: latents.shape[2], channels: latents.shape[3])
    }
}
