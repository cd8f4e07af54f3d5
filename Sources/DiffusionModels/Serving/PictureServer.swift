import Foundation
import Tensor

/// Generates images for many tasks at once, as a server does for its clients: requests that wait for the same settings are generated in one
/// batch.
///
/// ```swift
/// let server = try PictureServer(try await TextToImageModel(contentsOf: folder))
/// let picture = try await server.picture(for: "a red heart", seed: 0)   // from any task
/// ```
///
/// An image is the same, bit for bit, as that of `TextToImageModel.picture(for:seed:)`, whatever it was batched with. The
/// computation runs outside Swift's cooperative thread pool. A cancelled request leaves the queue at once; a batch all of whose requests
/// are cancelled stops within a block of the network. If a batch fails, its requests are generated one by one, so that an error is thrown only
/// to the request that caused it.
public actor PictureServer {
    /// The model that generates the images.
    public nonisolated let model: TextToImageModel
    /// The limits.
    public nonisolated let limits: ServerLimits

    private var waiting: [PictureRequest] = []
    private var running: [PictureRequest] = []
    private var work: Task<Void, Never>?
    private var idling: Task<Void, Never>?
    /// The end of the last batch.
    private var idleStart = ContinuousClock.now
    /// After a batch, the time in which those who were answered may ask again.
    private var gathering: Task<Void, Never>?
    /// The number of requests that ends it.
    private var expectedRequests = 0
    /// The model with its text encoder in memory, while there is work.
    private var loaded: TextToImageModel?
    private var requestCount = 0
    /// The sizes found to fit in memory since the server was last idle.
    private var fittingSizes: Set<LatentSize> = []

    /// A server of a model. Throws ``ModelError`` for limits below 1.
    public init(_ model: TextToImageModel, limits: ServerLimits = ServerLimits()) throws {
        for (name, value) in [("batchSize", limits.batchSize), ("waitingRequests", limits.waitingRequests)]
        where value < 1 {
            throw ModelError.invalidArgument(
                operation: "PictureServer", argument: name, expected: "at least 1", found: "\(value)")
        }
        (self.model, self.limits) = (model, limits)
    }

    /// The number of requests that wait, apart from those of the batch in progress.
    public var waitingCount: Int { waiting.count }

    /// Whether the text encoder is in memory.
    var holdsTextEncoder: Bool { loaded != nil }

    /// Whether a task waits to give memory back.
    var isWaitingForIdleness: Bool { idling != nil }

    /// Whether a batch is being generated.
    public var isWorking: Bool { work != nil }

    /// Generates an image of a prompt.
    ///
    /// - Parameters:
    ///   - prompt: the prompt.
    ///   - seed: the seed of the image's noise.
    ///   - sampling: how the model is sampled.
    ///   - size: the size of the latents; nil means the size that the network was trained on.
    ///
    /// Throws ``ModelError`` for a model that cannot be sampled this way and for settings out of range, ``ServerBusyError`` when too many
    /// requests wait, and `CancellationError`.
    public func picture(
        for prompt: String, seed: UInt64, _ sampling: PictureSampling = .oneStep, size: LatentSize? = nil
    ) async throws -> Picture {
        let sampling = try model.checked(sampling, operation: "PictureServer.picture")
        try checkMemory(for: size ?? model.latentSize)
        guard waiting.count < limits.waitingRequests else {
            throw ServerBusyError(waitingRequests: limits.waitingRequests)
        }
        requestCount += 1
        let number = requestCount
        let key = BatchKey(
            sampling: sampling, size: size ?? model.latentSize,
            windows: model.textEncoder.windowCount(for: [prompt] + (sampling.negativePrompt.map { [$0] } ?? [])))
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                waiting.append(
                    PictureRequest(number: number, prompt: prompt, seed: seed, key: key, continuation: continuation))
                startNextBatch()
            }
        } onCancel: {
            Task { await cancel(number) }
        }
    }

    private func checkMemory(for size: LatentSize) throws {
        if fittingSizes.contains(size) { return }
        try model.checkMemory(count: 1, size: size, operation: "PictureServer.picture")
        fittingSizes.insert(size)
    }

    private func startNextBatch() {
        guard work == nil, let first = waiting.first else { return }
        if gathering != nil, waiting.count < expectedRequests { return }
        endGathering()
        running = Array(waiting.filter { $0.key == first.key }.prefix(limits.batchSize))
        let numbers = Set(running.map(\.number))
        waiting.removeAll { numbers.contains($0.number) }
        let batch = running
        work = Task {
            await generate(batch)
            work = nil
            gather(after: batch.count)
            startNextBatch()
            if work == nil { startIdling() }
        }
    }

    /// Lets the next batch wait a little for as many requests as the last one had, which are often made by the same clients.
    private func gather(after count: Int) {
        expectedRequests = min(limits.batchSize, waiting.count + count)
        gathering = Task {
            guard (try? await Task.sleep(for: limits.gatheringTime)) != nil, !Task.isCancelled else { return }
            gathering = nil
            startNextBatch()
        }
    }

    private func endGathering() {
        gathering?.cancel()
        gathering = nil
    }

    private func generate(_ batch: [PictureRequest]) async {
        do {
            try await finish(batch)
        } catch {
            guard batch.count > 1, !(error is CancellationError) else { return fail(batch, error) }
            for request in batch where running.contains(where: { $0.number == request.number }) {
                do { try await finish([request]) } catch { fail([request], error) }
            }
        }
    }

    /// Generates the images of a batch, and answers those of its requests that were not cancelled, each as soon as its image is decoded.
    private func finish(_ batch: [PictureRequest]) async throws {
        guard let key = batch.first?.key else { return }
        let known = loaded
        let model = model
        let (ready, latents) = try await outsideCooperativePool {
            let ready = try known ?? model.loadingTextEncoder()
            return (ready, try ready.latents(of: batch, key))
        }
        loaded = ready
        for rows in model.rangesToDecode(of: latents) {
            let pictures = try await outsideCooperativePool {
                try model.pictures(from: latents.sliced(axis: 0, rows))
            }
            for (request, picture) in zip(batch[rows], pictures) { remove(request.number)?.resume(returning: picture) }
        }
    }

    private func fail(_ batch: [PictureRequest], _ error: any Error) {
        for request in batch { remove(request.number)?.resume(throwing: error) }
    }

    /// The continuation of a request of the batch in progress; nil for one that was cancelled.
    private func remove(_ number: Int) -> CheckedContinuation<Picture, any Error>? {
        running.firstIndex { $0.number == number }.map { running.remove(at: $0).continuation }
    }

    private func cancel(_ number: Int) {
        if let index = waiting.firstIndex(where: { $0.number == number }) {
            waiting.remove(at: index).continuation.resume(throwing: CancellationError())
        } else if let continuation = remove(number) {
            continuation.resume(throwing: CancellationError())
            if running.isEmpty { work?.cancel() }
        }
    }

    /// After a while without requests, gives back the text encoder and the memory that tensors are recycled from. One task waits for that,
    /// however many batches come meanwhile: a sleep that is cancelled keeps its memory until the time at which it would have ended.
    private func startIdling() {
        idleStart = .now
        guard idling == nil else { return }
        idling = Task {
            while work == nil, .now < idleStart + limits.idleTime {
                try? await Task.sleep(until: idleStart + limits.idleTime)
            }
            idling = nil
            guard work == nil else { return }
            loaded = nil
            fittingSizes = []
            releaseIdleTensorMemory()
        }
    }
}

/// The limits of a ``PictureServer``.
public struct ServerLimits: Sendable {
    /// The number of images per batch, at least 1.
    public var batchSize: Int
    /// After a batch, the time for which the next one waits for as many requests more, because clients that were answered often
    /// ask again at once.
    public var gatheringTime: Duration
    /// The number of requests that may wait, at least 1; further ones are refused.
    public var waitingRequests: Int
    /// The time without requests after which memory is given back.
    public var idleTime: Duration

    /// Limits with these values.
    public init(
        batchSize: Int = 16, gatheringTime: Duration = .milliseconds(20), waitingRequests: Int = 256,
        idleTime: Duration = .seconds(60)
    ) {
        (self.batchSize, self.gatheringTime) = (batchSize, gatheringTime)
        (self.waitingRequests, self.idleTime) = (waitingRequests, idleTime)
    }
}

/// Too many requests wait for a ``PictureServer``.
public struct ServerBusyError: Error, Equatable, CustomStringConvertible {
    /// The number of requests that may wait.
    public let waitingRequests: Int

    /// One sentence.
    public var description: String {
        "expected fewer than \(waitingRequests) waiting requests, found \(waitingRequests): try again later"
    }
}
