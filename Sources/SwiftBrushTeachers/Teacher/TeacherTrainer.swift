import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// Trains the text encoder and the denoising network of a text-to-image model together, on latents with captions.
///
/// Each step samples pictures by weight and one caption per picture, adds noise to their latents, updates both networks by the
/// gradient of the weighted epsilon loss, and updates their moving averages.
public final class TeacherTrainer: ResumableTraining {
    /// The settings.
    public let configuration: TeacherTrainingConfiguration
    /// The captions of the training pictures.
    public let captions: [CaptionedPicture]
    /// The latents of the training pictures, `[pictures, height, width, channels]`.
    public let latents: Tensor
    /// The denoising network that is trained.
    public let unet: UNet2DConditionModel
    /// The text encoder that is trained.
    public let textEncoder: CLIPTextModel
    /// The text encoder's tokenizer.
    public let tokenizer: CLIPTokenizer
    /// The noise schedule of the teacher.
    public let schedule: NoiseSchedule
    /// The exponential moving average of the denoising network's weights.
    public let unetAverage: ExponentialMovingAverage
    /// The exponential moving average of the text encoder's weights.
    public let textEncoderAverage: ExponentialMovingAverage
    /// Steps taken so far.
    public private(set) var stepCount = 0

    /// The number of trained parameters.
    public var scalarCount: Int { unet.parameters.scalarCount + textEncoder.parameters.scalarCount }

    /// The memory in bytes that the training holds throughout: weights, gradients, both moments, averages, and the latents.
    public var memoryByteCount: Int { MemoryLayout<Float>.stride * (5 * scalarCount + latents.count) }

    let optimizer: Adam
    private(set) var streams: TeacherStreams
    private let weights: [Double]
    /// The inputs' fingerprints, taken before the first step changes the networks' weights.
    var initialContents = RunContents()

    /// Creates a trainer that starts from the networks' current parameters, which it makes trainable.
    ///
    /// - Parameters:
    ///   - unet: the denoising network, which predicts epsilon; its input channels are the latents'.
    ///   - textEncoder: the text encoder, as wide as the denoising network's cross-attention expects.
    ///   - tokenizer: a tokenizer with the text encoder's vocabulary.
    ///   - schedule: the noise schedule.
    ///   - latents: the scaled latents, `[pictures, height, width, channels]`.
    ///   - captions: one per picture; at least one has a weight above 0.
    ///   - configuration: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range.
    public init(
        unet: UNet2DConditionModel, textEncoder: CLIPTextModel, tokenizer: CLIPTokenizer,
        schedule: NoiseSchedule = .scaledLinear(), latents: Tensor, captions: [CaptionedPicture],
        configuration: TeacherTrainingConfiguration = TeacherTrainingConfiguration()
    ) throws {
        try configuration.validate()
        precondition(
            latents.rank == 4 && latents.shape[0] == captions.count,
            "TeacherTrainer: expected latents of \(captions.count) pictures, found \(latents.shape)")
        (self.unet, self.textEncoder, self.tokenizer, self.schedule) = (unet, textEncoder, tokenizer, schedule)
        (self.latents, self.captions, self.configuration) = (latents, captions, configuration)
        unet.parameters.unfreeze()
        textEncoder.parameters.unfreeze()
        unetAverage = ExponentialMovingAverage(of: unet.parameters, decay: configuration.averageDecay)
        textEncoderAverage = ExponentialMovingAverage(of: textEncoder.parameters, decay: configuration.averageDecay)
        optimizer = Adam(
            unet.parameters.all + textEncoder.parameters.all, learningRate: configuration.learningRate,
            weightDecay: configuration.weightDecay, averages: [unetAverage, textEncoderAverage])
        streams = TeacherStreams(seed: configuration.seed)
        weights = configuration.noise.weights(on: schedule)
        initialContents.add("captions", of: captions)
        initialContents.add(
            "tokenizer",
            texts: captions.lazy.map {
                "\(tokenizer.encode($0.text)) \(tokenizer.encode($0.keywords.joined(separator: " ")))"
            })
        initialContents.add("latents of the pictures", computed: [latents])
        initialContents.add("start", computed: (unet.parameters.all + textEncoder.parameters.all).map(\.value))
    }

    /// Takes the next step with random inputs from the training's own streams. Throws
    /// `RunError.nonFinite(step:tensor:count:)`.
    @discardableResult
    public func step() throws -> TeacherStep {
        try step(
            with: streams.next(
                configuration.batchSize, of: captions, latentShape: Array(latents.shape.dropFirst()),
                schedule: schedule, configuration))
    }

    /// Takes the next step with the given inputs. Throws `RunError.nonFinite(step:tensor:count:)`.
    @discardableResult
    public func step(with inputs: TeacherStepInputs) throws -> TeacherStep {
        let start = ContinuousClock.now
        let schedule = LearningRateSchedule.cosine(warmUp: configuration.warmUp, total: configuration.iterations)
        optimizer.learningRate = configuration.learningRate * schedule.factor(at: stepCount)
        let errors = squaredErrors(inputs)
        let loss = (errors * Variable(column(inputs.timesteps.map { weights[$0] }))).mean()
        try loss.value.checkFinite("the loss", step: stepCount + 1)
        defer { optimizer.zeroGradients() }
        loss.backward()
        let update = try ClippedStep(
            of: optimizer, limit: configuration.gradientNormLimit, "the gradient", step: stepCount + 1)
        update.apply()
        stepCount += 1
        let ratios = inputs.timesteps.map { 1 / self.schedule.signalToNoiseRatio($0) }
        return TeacherStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize, loss: Double(loss.value.item),
            epsilonLoss: errors.value.mean(), originalError: (errors.value * column(ratios)).mean(),
            gradientNorm: update.norm, learningRate: optimizer.learningRate,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    /// The squared epsilon errors, `[batch, height, width, channels]`.
    func squaredErrors(_ inputs: TeacherStepInputs) -> Variable {
        let noisy = schedule.noisy(
            latents.gathered(rows: inputs.pictures), noise: inputs.noise, timesteps: inputs.timesteps)
        let text = textEncoder(inputs.captions.map { tokenizer.encode($0) })
        let prediction = unet(Variable(noisy), timesteps: inputs.timesteps.map(Double.init), textEmbeddings: text)
        return (prediction - Variable(inputs.noise)).squared()
    }

    private func column(_ numbers: [Double]) -> Tensor {
        Tensor(perSample: numbers.map { Float($0) })
    }
}

extension TeacherTrainer {
    /// The settings that must be the same when a run is resumed, except the number of iterations: with more of them the learning
    /// rate falls over a longer run from there on.
    public struct Record: Codable, Equatable {
        var settings: TeacherTrainingConfiguration
        var unet: UNet2DConditionModel.Configuration
        var textEncoder: CLIPTextModel.Configuration
        var pictures: Int

        /// Whether a run with one record can be resumed with the other.
        public static func == (a: Record, b: Record) -> Bool {
            var settings = a.settings
            settings.iterations = b.settings.iterations
            return settings == b.settings && a.unet == b.unet && a.textEncoder == b.textEncoder
                && a.pictures == b.pictures
        }
    }

    /// The settings, the networks' configurations, and the number of pictures.
    public func record() -> Record {
        Record(
            settings: configuration, unet: unet.configuration, textEncoder: textEncoder.configuration,
            pictures: captions.count)
    }

    /// The latents of the pictures, their captions, the tokenizer, and the networks' initial weights.
    public func contents() -> RunContents { initialContents }

    /// `metrics.jsonl`, and the file that `RunDirectory.saveSheet(of:step:pictures:)` writes.
    public var metricsFiles: [String] { ["metrics.jsonl", TeacherErrors.fileName] }

    /// The size of a checkpoint's tensors in bytes.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes both networks, their averages, the optimiser, all random streams and the step, atomically. Throws what the file
    /// system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = TrainerState(stepCount: stepCount, averageUpdateCount: unetAverage.updateCount, streams: streams)
        try checkpoint.write(state, to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote. Throws `SafetensorsError`, or `DistillationError` for a file of
    /// another run; after an error nothing has changed.
    public func restoreCheckpoint(from url: URL) throws {
        let state = try checkpoint.restore(TrainerState<TeacherStreams>.self, from: url).state
        (unetAverage.updateCount, textEncoderAverage.updateCount) = (state.averageUpdateCount, state.averageUpdateCount)
        (streams, stepCount) = (state.streams, state.stepCount)
    }

    private var checkpoint: RunCheckpoint {
        RunCheckpoint(
            [
                ("unet", unet.parameters), ("unet_average", unetAverage.parameters),
                ("text_encoder", textEncoder.parameters), ("text_encoder_average", textEncoderAverage.parameters),
            ], optimizers: [("optimizer", optimizer)])
    }
}

extension TeacherTrainer {
    /// The averaged networks with an autoencoder and the tokenizer's files, which can be saved as a model folder.
    ///
    /// - Parameters:
    ///   - autoencoder: the autoencoder that encoded the training latents.
    ///   - tokenizerFolder: the folder from which the tokenizer was read.
    public func teacher(with autoencoder: AutoencoderKL, tokenizerFolder: URL) -> TextToImageParts {
        TextToImageParts(
            unet: unet.over(unetAverage.parameters.scope),
            autoencoder: autoencoder,
            textEncoder: CLIPTextModel(textEncoder.configuration, in: textEncoderAverage.parameters.scope),
            tokenizerFolder: tokenizerFolder, schedule: schedule)
    }
}
