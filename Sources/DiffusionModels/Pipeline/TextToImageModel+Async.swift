import Foundation
import Tensor

// The same operations for tasks. They leave the threads of Swift's cooperative pool free, and stop with their task: `CancellationError` is
// thrown within one network pass; within one of its blocks, if the network is a UNet2DConditionModel.
extension TextToImageModel {
    /// Loads a diffusers folder or a single file, outside the cooperative thread pool. See
    /// `init(contentsOf:tokenizer:autoencoder:predictionType:storage:weights:)`.
    public init(
        contentsOf url: URL, tokenizer: URL? = nil, autoencoder: URL? = nil, predictionType: PredictionType? = nil,
        storage: FileStorage = .mapped, weights: WeightType = .stored
    ) async throws {
        self = try await outsideCooperativePool {
            try Self(
                contentsOf: url, tokenizer: tokenizer, autoencoder: autoencoder, predictionType: predictionType,
                storage: storage, weights: weights)
        }
    }

    /// Generates an image of a prompt in one step, outside the cooperative thread pool.
    ///
    /// Throws ``ModelError`` as `pictures(for:seed:steps:start:)`, and `CancellationError`.
    public func picture(for prompt: String, seed: UInt64) async throws -> Picture {
        try await outsideCooperativePool { try picture(for: prompt, seed: seed) }
    }

    /// Generates one image per prompt in one step, or in a few, in one batch, outside the cooperative thread pool.
    ///
    /// Throws ``ModelError`` as `pictures(for:seed:steps:start:)`, and `CancellationError`.
    public func pictures(
        for prompts: [String], seed: UInt64, steps: Int = 1, start: SamplingStart = .noise()
    ) async throws -> [Picture] {
        try await outsideCooperativePool { try pictures(for: prompts, seed: seed, steps: steps, start: start) }
    }

    /// Generates an image of a prompt in several steps, outside the cooperative thread pool.
    ///
    /// Throws ``ModelError`` as `samples(for:_:seed:start:)`, and `CancellationError`.
    public func picture(
        for prompt: String, steps: Int, guidanceScale: Double, seed: UInt64
    ) async throws -> Picture {
        try await outsideCooperativePool {
            try picture(for: prompt, steps: steps, guidanceScale: guidanceScale, seed: seed)
        }
    }

    /// Starts sampling one image per prompt, outside the cooperative thread pool; the steps are pulled as an asynchronous sequence:
    ///
    /// ```swift
    /// for try await step in try await teacher.samples(for: ["a red heart"], SamplingSettings(steps: 25, guidanceScale: 4.5), seed: 0) {
    ///     print(step.index)
    /// }
    /// ```
    ///
    /// Throws ``ModelError`` as the synchronous method of this name, and `CancellationError`.
    public func samples(
        for prompts: [String], _ settings: SamplingSettings, seed: UInt64, start: SamplingStart = .noise()
    ) async throws -> DiffusionSampler {
        try await outsideCooperativePool { try samples(for: prompts, settings, seed: seed, start: start) }
    }

    /// Generates the latents of one image per prompt in one step, or in a few, outside the cooperative thread pool. See
    /// `latents(for:seed:steps:start:)`.
    ///
    /// Throws ``ModelError`` as the synchronous method of this name, and `CancellationError`.
    public func latents(
        for prompts: [String], seed: UInt64, steps: Int = 1, start: SamplingStart = .noise()
    ) async throws -> Tensor {
        try await outsideCooperativePool { try latents(for: prompts, seed: seed, steps: steps, start: start) }
    }

    /// Interpolates from one prompt and seed to another, outside the cooperative thread pool. See `latents(from:to:count:size:)`.
    ///
    /// Throws ``ModelError`` as the synchronous method of this name, and `CancellationError`.
    public func latents(
        from first: (prompt: String, seed: UInt64), to last: (prompt: String, seed: UInt64), count: Int,
        size: LatentSize? = nil
    ) async throws -> Tensor {
        try await outsideCooperativePool { try latents(from: first, to: last, count: count, size: size) }
    }

    /// Decodes the network's latents into images, outside the cooperative thread pool.
    ///
    /// Throws ``ModelError/nonFinitePicture(count:total:)``, and `CancellationError`.
    public func pictures(from latents: Tensor) async throws -> [Picture] {
        try await outsideCooperativePool { try pictures(from: latents) }
    }
}

extension DiffusionSampler: AsyncSequence, AsyncIteratorProtocol {
    /// The sampling itself, from its current step on.
    public func makeAsyncIterator() -> DiffusionSampler { self }

    /// Evaluates the network once, outside the cooperative thread pool; nil after the last evaluation. See `next()`.
    ///
    /// Throws ``ModelError`` when the latents after it are infinite or not a number, and `CancellationError`.
    public mutating func next() async throws -> DenoisingStep? {
        let (advanced, step) = try await outsideCooperativePool { [self] in
            var sampling = self
            let step = try sampling.next()
            return (sampling, step)
        }
        self = advanced
        return step
    }
}

extension PictureGeneration: AsyncSequence, AsyncIteratorProtocol {
    /// The generation itself, from its next batch on.
    public func makeAsyncIterator() -> PictureGeneration { self }

    /// Generates the next batch, outside the cooperative thread pool. Returns the ``missingCount`` after it, or nil if no batch was left.
    ///
    /// Throws ``ModelError`` if latents are infinite or NaN, `FileError` and `CancellationError`. A stopped generation can be resumed.
    public mutating func next() async throws -> Int? {
        let (advanced, count) = try await outsideCooperativePool { [self] in
            var generation = self
            let count = try generation.next()
            return (generation, count)
        }
        self = advanced
        return count
    }
}
