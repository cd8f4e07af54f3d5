import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// Trains an autoencoder on images.
public final class AutoencoderTrainer: ResumableTraining {
    /// The settings.
    public let configuration: AutoencoderTrainingConfiguration
    /// The training pictures.
    public let pictures: CaptionedPictures
    /// The network that is trained.
    public let autoencoder: AutoencoderKL
    /// The exponential moving average of the network's weights.
    public let average: ExponentialMovingAverage
    /// Steps taken so far.
    public private(set) var stepCount = 0

    /// The processes that take each step together, at most one for each of the parts of its gradients.
    public var group: any ProcessGroup = SingleProcess() { didSet { share() } }
    /// Whether the processes divide the optimiser's moments and the moving averages among themselves. Set before the first step.
    public var shardsOptimizer = false { didSet { share() } }
    let optimizer: Adam
    private(set) var shared: SharedOptimizers
    private(set) var streams: Streams

    struct Streams: Codable, Equatable {
        var pictures: RandomStream
        var noise: RandomStream
    }

    /// Creates a trainer for an autoencoder with random weights.
    ///
    /// - Parameters:
    ///   - pictures: the data set; only its training split is used.
    ///   - network: the network's configuration; nil means `small(side:)` for the pictures' height.
    ///   - configuration: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range, `ModelError` for those of the network, and for pictures whose sides are not multiples of the pixels per latent.
    public init(
        pictures: CaptionedPictures, network: AutoencoderKL.Configuration? = nil,
        configuration: AutoencoderTrainingConfiguration = AutoencoderTrainingConfiguration()
    ) throws {
        try configuration.validate()
        let network = network ?? .small(side: pictures.height)
        try network.check()
        try TrainingError.check(
            network.inputChannels == 3 && network.outputChannels == 3, "network", expected: "3 colours in and out",
            found: "\(network.inputChannels) and \(network.outputChannels)")
        let factor = network.pixelsPerLatent
        guard pictures.height % factor == 0, pictures.width % factor == 0 else {
            throw TrainingError.invalidSetting(
                name: "pictures", expected: "sides that are multiples of \(factor) pixels",
                found: "\(pictures.width) × \(pictures.height)")
        }
        let indices = pictures.split(.train)
        try TrainingError.check(
            indices.contains { pictures.captions[$0].weight > 0 }, "pictures",
            expected: "training pictures with a positive weight", found: "none")
        self.pictures = try pictures.subset(indices)
        self.configuration = configuration
        let root = RandomStream(seed: configuration.seed)
        autoencoder = AutoencoderKL(network, in: ParameterSet().scope)
        var start = root.split("autoencoder")
        autoencoder.parameters.initialize(using: &start)
        autoencoder.parameters.unfreeze()
        average = try ExponentialMovingAverage(of: autoencoder.parameters, decay: configuration.averageDecay)
        optimizer = try Adam(
            autoencoder.parameters.all, learningRate: configuration.learningRate,
            weightDecay: configuration.weightDecay, averages: [average])
        shared = SharedOptimizers([optimizer], in: group, gradientType: configuration.gradientType)
        streams = Streams(pictures: root.split("pictures"), noise: root.split("noise"))
    }

    /// Takes the next step. Throws `RunError.nonFinite(step:tensor:count:)`, and `CancellationError` in a cancelled task, and leaves the
    /// trainer as it was before.
    @discardableResult
    public func step() throws -> AutoencoderStep {
        let before = streams
        do {
            return try takeStep()
        } catch {
            streams = before
            throw error
        }
    }

    private func share() {
        shared = SharedOptimizers(
            [optimizer], in: group, sharding: shardsOptimizer, gradientType: configuration.gradientType)
    }

    /// Gives every process the whole moving average, if they divide it, until the next step.
    public func gatherAverages() throws { try shared.gatherAverages() }

    private func takeStep() throws -> AutoencoderStep {
        let start = ContinuousClock.now
        optimizer.learningRate =
            configuration.learningRate
            * LearningRateSchedule.cosine(warmUp: 100, total: configuration.iterations).factor(at: stepCount)
        let chosen = WeightedChoice(pictures.captions.map(\.weight))
            .indices(configuration.batchSize, using: &streams.pictures)
        let network = autoencoder.configuration
        let noise = streams.noise.normal([
            chosen.count, pictures.height / network.pixelsPerLatent, pictures.width / network.pixelsPerLatent,
            network.latentChannels,
        ])
        defer { optimizer.zeroGradients() }
        let parts = try BatchParts(configuration.accumulatedParts, of: chosen.count, in: group)
        // The means of each part, times its share of the batch.
        let means = try shared.gradients(of: parts) { part in
            let colours = pictures.colours(Array(chosen[part.rows]))
            let latents = autoencoder.encode(Variable(colours))
            let sample = latents.sample(noise: noise.sliced(axis: 0, part.rows))
            let loss = AutoencoderLoss(of: autoencoder.decode(sample), pictures: colours, latents: latents)
            let total = loss.total(configuration)
            try total.value.checkFinite("the loss", step: stepCount + 1)
            try Task.checkCancellation()
            return .init(
                [total, loss.absolute, loss.squared, loss.divergence].map { Double($0.value.item) * part.share },
                of: total, gradient: Tensor(repeating: Float(part.share), shape: total.shape))
        }
        let update = try shared.update(
            of: optimizer, limit: configuration.gradientNormLimit, "the gradient", step: stepCount + 1)
        try update.apply("the autoencoder", step: stepCount + 1)
        stepCount += 1
        func mean(_ index: Int) -> Double { means.reduce(0) { $0 + $1[index] } }
        return AutoencoderStep(
            step: stepCount, loss: mean(0), absoluteError: mean(1), peakSignalToNoise: 10 * log10(4 / mean(2)),
            divergence: mean(3), gradientNorm: update.norm,
            learningRate: optimizer.learningRate,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    /// The averaged autoencoder, without normalised latents: a copy, which later steps do not change.
    public var averaged: AutoencoderKL { autoencoder.over(average.parameters.scope).readOnly() }

    /// The averaged autoencoder with normalised latents: see `normalizingLatents(of:)`.
    ///
    /// Throws ``TrainingError``.
    public func trained() throws -> AutoencoderKL { try averaged.normalizingLatents(of: pictures) }
}

/// The metrics of one step of an autoencoder's training.
public struct AutoencoderStep: TrainingStep, Equatable {
    /// The step's number, from 1.
    public let step: Int
    /// The training loss: the weighted sum of all terms.
    public let loss: Double
    /// The mean absolute error of the colours, whose range is −1…1.
    public let absoluteError: Double
    /// The peak signal-to-noise ratio in decibels, from the batch's mean squared error.
    public let peakSignalToNoise: Double
    /// The latents' divergence from a standard normal distribution, per element.
    public let divergence: Double
    /// The global gradient norm before clipping.
    public let gradientNorm: Double
    /// AdamW's learning rate in this step.
    public let learningRate: Double
    /// The step's wall-clock time in seconds.
    public let seconds: Double
    /// The process's peak resident memory so far, in bytes.
    public let peakBytes: Int
}

extension AutoencoderTrainer {
    /// The settings that must be the same when a run is resumed.
    public struct Record: Codable, Equatable {
        var settings: AutoencoderTrainingConfiguration
        var network: AutoencoderKL.Configuration
        var pictures: Int
    }

    /// The settings, the network's configuration, and the number of pictures.
    public func record() -> Record {
        Record(settings: configuration, network: autoencoder.configuration, pictures: pictures.count)
    }

    /// The pictures with their captions.
    public func contents() -> RunContents {
        var contents = RunContents()
        contents.add("pictures", of: pictures)
        return contents
    }

    /// The size of a checkpoint's tensors in bytes.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes the network, its average, the optimiser, the random streams and the step, atomically. Throws what the file system
    /// throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = TrainerState(stepCount: stepCount, averageUpdateCount: average.updateCount, streams: streams)
        try checkpoint.write(state, to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote. Throws `SafetensorsError`, or `DistillationError` for a file of
    /// another run; after an error nothing has changed.
    public func restoreCheckpoint(from url: URL) throws {
        let state = try checkpoint.restore(TrainerState<Streams>.self, from: url).state
        (average.updateCount, streams, stepCount) = (state.averageUpdateCount, state.streams, state.stepCount)
    }

    private var checkpoint: RunCheckpoint {
        RunCheckpoint(
            [("autoencoder", autoencoder.parameters), ("average", average.parameters)],
            optimizers: [("optimizer", optimizer)], in: [shared])
    }
}
