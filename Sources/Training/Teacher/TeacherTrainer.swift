import Autograd
import DiffusionModels
import Distillation
import Foundation
import Tensor

/// Trains the text encoder and the denoising network of a text-to-image model together, on latents with captions.
///
/// A step: pictures by their weights, a caption each, noised latents; both networks follow the weighted epsilon loss; then
/// their moving averages follow them.
public final class TeacherTrainer: ResumableTraining {
    /// The settings.
    public let configuration: TeacherTrainingConfiguration
    /// The captions of the training pictures.
    public let captions: [CaptionedPicture]
    /// Their latents, `[pictures, height, width, channels]`.
    public let latents: Tensor
    /// The denoising network that is trained.
    public let unet: UNet2DConditionModel
    /// The text encoder that is trained.
    public let textEncoder: CLIPTextModel
    /// From captions to the text encoder's token ids.
    public let tokenizer: CLIPTokenizer
    /// The noise schedule that is learned.
    public let schedule: NoiseSchedule
    /// The slowly following copy of the denoising network.
    public let unetAverage: ExponentialMovingAverage
    /// The slowly following copy of the text encoder.
    public let textEncoderAverage: ExponentialMovingAverage
    /// Steps taken so far.
    public private(set) var stepCount = 0

    /// The numbers that are trained.
    public var scalarCount: Int { unet.parameters.scalarCount + textEncoder.parameters.scalarCount }

    /// The bytes that are held from the first step to the last: weights, gradients, both moments, averages, and the latents.
    public var memoryByteCount: Int { MemoryLayout<Float>.stride * (5 * scalarCount + latents.count) }

    let optimizer: Adam
    private(set) var streams: TeacherStreams
    private let weights: [Double]
    /// Looked at before the first step, which changes what the networks start from.
    var initialContents = RunContents()

    /// A training of networks whose parameters hold their start; they are made trainable.
    ///
    /// - Parameters:
    ///   - unet: predicts epsilon; its input channels are the latents'.
    ///   - textEncoder: of the width that the denoising network attends to.
    ///   - tokenizer: of the text encoder's vocabulary.
    ///   - schedule: the noise schedule.
    ///   - latents: `[pictures, height, width, channels]`, as the denoising network is to see them.
    ///   - captions: one a picture; at least one of a weight above 0.
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
    /// `DistillationError.nonFinite(step:tensor:count:)`.
    @discardableResult
    public func step() throws -> TeacherStep {
        try step(
            with: streams.next(
                configuration.batchSize, of: captions, latentShape: Array(latents.shape.dropFirst()),
                schedule: schedule, configuration))
    }

    /// Takes the next step with the given inputs. Throws `DistillationError.nonFinite(step:tensor:count:)`.
    @discardableResult
    public func step(with inputs: TeacherStepInputs) throws -> TeacherStep {
        let start = ContinuousClock.now
        let schedule = LearningRateSchedule.cosine(warmUp: configuration.warmUp, total: configuration.iterations)
        optimizer.learningRate = configuration.learningRate * schedule.factor(at: stepCount)
        let errors = squaredErrors(inputs)
        let loss = (errors * Variable(column(inputs.timesteps.map { weights[$0] }))).mean()
        loss.backward()
        let norm = try optimizer.clippedStep(
            loss: loss.value, limit: configuration.gradientNormLimit, step: stepCount + 1)
        stepCount += 1
        let ratios = inputs.timesteps.map { 1 / self.schedule.signalToNoiseRatio($0) }
        return TeacherStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize, loss: Double(loss.value.item),
            epsilonLoss: errors.value.mean(), originalError: (errors.value * column(ratios)).mean(),
            gradientNorm: norm, learningRate: optimizer.learningRate,
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
    /// What a training must be resumed with, but for the number of iterations: more of them let the learning rate fall over a
    /// longer run from there on.
    public struct Record: Codable, Equatable {
        var settings: TeacherTrainingConfiguration
        var unet: UNet2DConditionModel.Configuration
        var textEncoder: CLIPTextModel.Configuration
        var pictures: Int

        /// Whether a run of one may be gone on with under the other.
        public static func == (a: Record, b: Record) -> Bool {
            var settings = a.settings
            settings.iterations = b.settings.iterations
            return settings == b.settings && a.unet == b.unet && a.textEncoder == b.textEncoder
                && a.pictures == b.pictures
        }
    }

    /// The settings, the networks' sizes, and how many pictures.
    public func record() -> Record {
        Record(
            settings: configuration, unet: unet.configuration, textEncoder: textEncoder.configuration,
            pictures: captions.count)
    }

    /// The latents of the pictures, their captions, the tokenizer, and what the networks start from.
    public func contents() -> RunContents { initialContents }

    /// `metrics.jsonl`, and the file that `RunDirectory.saveSheet(of:step:pictures:)` writes.
    public var metricsFiles: [String] { ["metrics.jsonl", TeacherErrors.fileName] }

    /// The bytes of the numbers that a checkpoint keeps.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes both networks, their averages, the optimiser, every random stream and the step. The file is there whole or not
    /// at all. Throws what the file system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = TrainerState(stepCount: stepCount, averageUpdateCount: unetAverage.updateCount, streams: streams)
        try checkpoint.write(state, to: url)
    }

    /// Goes back to where ``saveCheckpoint(to:)`` was called. Throws `SafetensorsError`, or `DistillationError` for a file of
    /// another run, and changes nothing then.
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
    /// The averaged networks with an autoencoder and the tokenizer's files, to be saved as a folder.
    ///
    /// - Parameters:
    ///   - autoencoder: whose latents the training saw.
    ///   - tokenizerFolder: where the tokenizer was read from.
    public func teacher(with autoencoder: AutoencoderKL, tokenizerFolder: URL) -> TextToImageParts {
        TextToImageParts(
            unet: UNet2DConditionModel(unet.configuration, in: unetAverage.parameters.scope),
            autoencoder: autoencoder,
            textEncoder: CLIPTextModel(textEncoder.configuration, in: textEncoderAverage.parameters.scope),
            tokenizerFolder: tokenizerFolder, schedule: schedule)
    }
}
