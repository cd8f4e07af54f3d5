import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// Trains the text encoder and the denoising network of a text-to-image model together, on latents with captions.
///
/// Each step samples pictures by weight and one caption per picture, adds noise to their latents, updates both networks by the
/// gradient of the weighted loss of ε, or in flow matching of u, and updates their moving averages.
public final class TeacherTrainer: ResumableTraining {
    /// The settings.
    public let configuration: TeacherTrainingConfiguration
    /// The captions of the training pictures.
    public let captions: [CaptionedPicture]
    /// The latents of the training pictures, `[pictures, height, width, channels]`.
    public let latents: Tensor
    /// The denoising network that is trained: a copy of the one that the trainer was made with.
    public let network: any DenoisingNetwork
    /// The text encoder that is trained too, if it has parameters: a copy.
    public let textEncoder: any TextEncoder
    /// The noise schedule of the teacher.
    public let schedule: NoiseSchedule
    /// The exponential moving average of the denoising network's weights.
    public let networkAverage: ExponentialMovingAverage
    /// The exponential moving average of the text encoder's weights.
    public let textEncoderAverage: ExponentialMovingAverage
    /// Steps taken so far.
    public private(set) var stepCount = 0

    /// The number of trained parameters.
    public var scalarCount: Int { network.parameters.scalarCount + textEncoder.parameters.scalarCount }

    /// The memory in bytes that the training holds throughout: weights, gradients, both moments, averages, and the latents.
    public var memoryByteCount: Int {
        let processes = shardsOptimizer ? group.count : 1
        return MemoryLayout<Float>.stride * (2 * scalarCount + 3 * scalarCount / processes + latents.count)
    }

    /// The processes that take each step together, at most one for each of the parts of its gradients.
    public var group: any ProcessGroup = SingleProcess() { didSet { share() } }
    /// Whether the processes divide the optimiser's moments and the moving averages among themselves. Set before the first step.
    public var shardsOptimizer = false { didSet { share() } }
    let optimizer: Adam
    private(set) var shared: SharedOptimizers
    private(set) var streams: TeacherStreams
    private let weights: [Double]
    /// The inputs' fingerprints, taken before the first step changes the networks' weights.
    var initialContents = RunContents()

    /// Creates a trainer of copies of the networks, which start from their current parameters.
    ///
    /// - Parameters:
    ///   - network: the denoising network, whose output is of the schedule's prediction type; its input channels are the latents'.
    ///   - textEncoder: the text encoder whose conditions the network reads.
    ///   - schedule: the noise schedule, of 1,000 timesteps and with some signal at each; its prediction type is not x₀.
    ///   - latents: the scaled latents, `[pictures, height, width, channels]`.
    ///   - captions: one per picture; at least one has a weight above 0.
    ///   - configuration: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range, and for latents and captions that do not fit.
    public init(
        network: any DenoisingNetwork, textEncoder: any TextEncoder, schedule: NoiseSchedule = .scaledLinear(),
        latents: Tensor, captions: [CaptionedPicture],
        configuration: TeacherTrainingConfiguration = TeacherTrainingConfiguration()
    ) throws {
        try configuration.validate()
        try Self.check(schedule)
        let channels = network.latentChannels
        try TrainingError.check(
            latents.rank == 4 && latents.shape[0] == captions.count && latents.shape[3] == channels
                && latents.count > 0,
            "latents", expected: "[\(max(captions.count, 1)), height, width, \(channels)], one per caption",
            found: latents.shape)
        let broken = latents.nonFiniteCount()
        try TrainingError.check(
            broken == 0, "latents", expected: "finite numbers", found: "\(broken) that are infinite or not a number")
        try TrainingError.check(
            captions.allSatisfy { $0.weight.isFinite && $0.weight >= 0 } && captions.contains { $0.weight > 0 },
            "captions", expected: "finite weights of at least 0, one of them above 0",
            found: captions.map(\.weight).prefix(8))
        let (network, textEncoder) = (network.copy(trainable: true), try textEncoder.loaded().copy(trainable: true))
        (self.network, self.textEncoder, self.schedule) = (network, textEncoder, schedule)
        (self.latents, self.captions, self.configuration) = (latents, captions, configuration)
        networkAverage = try ExponentialMovingAverage(of: network.parameters, decay: configuration.averageDecay)
        textEncoderAverage = try ExponentialMovingAverage(of: textEncoder.parameters, decay: configuration.averageDecay)
        optimizer = try Adam(
            network.parameters.all + textEncoder.parameters.all, learningRate: configuration.learningRate,
            weightDecay: configuration.weightDecay, averages: [networkAverage, textEncoderAverage])
        shared = SharedOptimizers([optimizer], in: group, gradientType: configuration.gradientType)
        streams = TeacherStreams(seed: configuration.seed)
        weights = configuration.noise.weights(on: schedule)
        initialContents.add("captions", of: captions)
        initialContents.add(
            "tokenizer",
            texts: captions.lazy.map {
                "\(textEncoder.tokens(of: $0.text)) \(textEncoder.tokens(of: $0.keywords.joined(separator: " ")))"
            })
        initialContents.add("latents of the pictures", computed: [latents])
        // Runs of earlier versions, which all had this schedule, do not record it.
        if schedule.cumulativeAlphas != NoiseSchedule.scaledLinear().cumulativeAlphas {
            initialContents.add("noise schedule", computed: schedule.fingerprint)
        }
        initialContents.add("start", computed: (network.parameters.all + textEncoder.parameters.all).map(\.value))
    }

    /// Takes the next step with random inputs from the training's own streams.
    ///
    /// Throws `RunError.nonFinite(step:tensor:count:)`, what the text encoder throws, `ModelError` for a network or text encoder of one's
    /// own whose output has another shape, and `CancellationError` in a cancelled task; the trainer is then as it was before.
    @discardableResult
    public func step() throws -> TeacherStep {
        let before = streams
        do {
            return try step(
                with: streams.next(
                    configuration.batchSize, of: captions, latentShape: Array(latents.shape.dropFirst()),
                    schedule: schedule, configuration))
        } catch {
            streams = before
            throw error
        }
    }

    /// Takes the next step with the given inputs. Throws as ``step()``.
    @discardableResult
    public func step(with inputs: TeacherStepInputs) throws -> TeacherStep {
        let start = ContinuousClock.now
        let schedule = LearningRateSchedule.cosine(warmUp: configuration.warmUp, total: configuration.iterations)
        optimizer.learningRate = configuration.learningRate * schedule.factor(at: stepCount)
        defer { optimizer.zeroGradients() }
        let parts = try BatchParts(configuration.accumulatedParts, of: inputs.timesteps.count, in: group)
        // The means of each part, times its share of the batch.
        let means = try shared.gradients(of: parts) { part in
            let inputs = inputs.samples(part.rows)
            let errors = try (configuration.precision ?? .current).within { try squaredErrors(inputs) }
            let loss = (errors * Variable(column(inputs.timesteps.map { weights[$0] }))).mean()
            try loss.value.checkFinite("the loss", step: stepCount + 1)
            try Task.checkCancellation()
            /// The mean error of another type for the errors that the loss compares.
            func mean(_ type: PredictionType) -> Double {
                let factors = inputs.timesteps.map { self.schedule.level(at: $0).error(of: type, from: compared) }
                return (errors.value * column(factors.map { $0 * $0 })).mean()
            }
            return .init(
                [Double(loss.value.item), mean(.epsilon), mean(.sample)].map { $0 * part.share },
                of: loss, gradient: Tensor(repeating: Float(part.share), shape: loss.shape))
        }
        let update = try shared.update(
            of: optimizer, limit: configuration.gradientNormLimit, "the gradient", step: stepCount + 1)
        try update.apply("the teacher", step: stepCount + 1)
        stepCount += 1
        func mean(_ index: Int) -> Double { means.reduce(0) { $0 + $1[index] } }
        return TeacherStep(
            step: stepCount, samplesSeen: stepCount * configuration.batchSize, loss: mean(0), epsilonLoss: mean(1),
            originalError: mean(2), gradientNorm: update.norm, learningRate: optimizer.learningRate,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    private func share() {
        shared = SharedOptimizers(
            [optimizer], in: group, sharding: shardsOptimizer, gradientType: configuration.gradientType)
    }

    /// Gives every process the whole moving averages, if they divide them, until the next step.
    public func gatherAverages() throws { try shared.gatherAverages() }

    /// What the loss compares: u in flow matching, and otherwise ε, as whose error that of any output counts.
    private var compared: PredictionType { schedule.isFlowMatching ? .flow : .epsilon }

    /// The squared errors of ``compared``, `[batch, height, width, channels]`.
    func squaredErrors(_ inputs: TeacherStepInputs) throws -> Variable {
        let original = latents.gathered(rows: inputs.pictures)
        let noisy = schedule.noisy(original, noise: inputs.noise, timesteps: inputs.timesteps)
        let text = try textEncoder.checkedCondition(for: inputs.captions, windows: 1)
        let prediction = try network.checkedPrediction(
            Variable(noisy), at: inputs.timesteps.map(Double.init), given: text)
        let found = schedule.convert(prediction, to: compared, noisy: Variable(noisy), timesteps: inputs.timesteps)
        let expected = schedule.prediction(
            of: compared, original: original, noise: inputs.noise, timesteps: inputs.timesteps)
        return (found - Variable(expected)).squared()
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
        var unet: JSONValue?
        var textEncoder: JSONValue?
        var pictures: Int
        /// Nil for ε, which runs of earlier versions do not record.
        var predictionType: PredictionType?

        /// Whether a run with one record can be resumed with the other.
        public static func == (a: Record, b: Record) -> Bool {
            var settings = a.settings
            settings.iterations = b.settings.iterations
            return settings == b.settings && a.unet == b.unet && a.textEncoder == b.textEncoder
                && a.pictures == b.pictures && a.predictionType == b.predictionType
        }
    }

    /// The settings, the networks' configurations, the number of pictures, and the prediction type.
    public func record() throws -> Record {
        Record(
            settings: configuration, unet: try network.stored?.configuration.encoded,
            textEncoder: try textEncoder.stored()?.part.configuration.encoded, pictures: captions.count,
            predictionType: schedule.predictionType == .epsilon ? nil : schedule.predictionType)
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
        let state = TrainerState(stepCount: stepCount, averageUpdateCount: networkAverage.updateCount, streams: streams)
        try checkpoint.write(state, to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote. Throws `SafetensorsError`, or `DistillationError` for a file of
    /// another run; after an error nothing has changed.
    public func restoreCheckpoint(from url: URL) throws {
        let state = try checkpoint.restore(TrainerState<TeacherStreams>.self, from: url).state
        (networkAverage.updateCount, textEncoderAverage.updateCount) = (
            state.averageUpdateCount, state.averageUpdateCount
        )
        (streams, stepCount) = (state.streams, state.stepCount)
    }

    private var checkpoint: RunCheckpoint {
        RunCheckpoint(
            [
                ("unet", network.parameters), ("unet_average", networkAverage.parameters),
                ("text_encoder", textEncoder.parameters), ("text_encoder_average", textEncoderAverage.parameters),
            ], optimizers: [("optimizer", optimizer)], in: [shared])
    }
}

extension TeacherTrainer {
    /// The averaged networks as a model.
    ///
    /// - Parameters:
    ///   - decoder: decodes the latents.
    ///   - autoencoder: encodes images, if they are to be encoded.
    public func teacher(
        decodingWith decoder: any LatentDecoder, autoencoder: AutoencoderKL? = nil
    ) -> TextToImageModel {
        TextToImageModel(
            network: network.over(networkAverage.parameters.scope),
            textEncoder: textEncoder.over(textEncoderAverage.parameters.scope), decoder: decoder,
            autoencoder: autoencoder, schedule: schedule, name: "the teacher")
    }
}

extension JSONValue {
    /// The value as a file contains it, in which 1.0 is written as 1.
    fileprivate var encoded: JSONValue {
        get throws { try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(self)) }
    }
}
