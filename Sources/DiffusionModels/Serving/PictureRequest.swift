import Autograd
import Tensor

/// What the requests of a batch have in common.
struct BatchKey: Sendable, Equatable {
    let sampling: PictureSampling
    let size: LatentSize
    /// The windows per prompt, on which the embeddings depend.
    let windows: Int
    /// The sampling with all values of its sampler.
    private let description: String

    init(sampling: PictureSampling, size: LatentSize, windows: Int) {
        (self.sampling, self.size, self.windows) = (sampling, size, windows)
        description = String(reflecting: sampling)
    }

    static func == (a: BatchKey, b: BatchKey) -> Bool {
        a.size == b.size && a.windows == b.windows && a.description == b.description
    }
}

/// A request that waits for its image.
struct PictureRequest: Sendable {
    let number: Int
    let prompt: String
    let seed: UInt64
    let key: BatchKey
    let continuation: CheckedContinuation<Picture, any Error>
}

extension TextToImageModel {
    /// The model with its text encoder in memory.
    func loadingTextEncoder() throws -> TextToImageModel {
        var model = self
        let embeddings = model.keptEmbeddings
        model.textEncoder = try textEncoder.loaded()
        model.keptEmbeddings = embeddings
        return model
    }

    /// The latents of a batch of requests, which have the same key.
    func latents(of batch: [PictureRequest], _ key: BatchKey) throws -> Tensor {
        var noise = LatentNoise(streams: batch.map { RandomStream(seed: $0.seed) })
        let latents = noise.next(height: key.size.height, width: key.size.width, channels: network.latentChannels)
        let prompts = batch.map(\.prompt)
        let negativePrompts = key.sampling.negativePrompt.map { [$0] } ?? []
        let embeddings = try embeddings(for: prompts + negativePrompts)
        return try sampled(
            key.sampling, from: latents, noise, given: embeddings.condition(for: prompts),
            unconditional: negativePrompts.isEmpty ? nil : embeddings.condition(for: negativePrompts))
    }
}
