import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// Trains a copy of a multi-step model to predict in one pass what classifier-free guidance computes of two, from prompts alone (the first stage of
/// arXiv 2210.03142, whose one scale is fixed here).
///
/// Each step computes the teacher's guided prediction at the current points of samplings that the teacher makes anyway, updates the copy towards it,
/// and lets the samplings advance by the teacher's prediction. The copy is sampled at guidance scale 1, in half the time, and serves as a teacher of
/// half the cost: `guidanceScale` 1 in the loss.
public final class GuidanceDistiller: ResumableTraining {
    /// The settings.
    public let settings: GuidanceDistillationSettings
    /// The network that is trained.
    public let network: any DenoisingNetwork
    /// The exponential moving average of its weights.
    public let average: ExponentialMovingAverage
    /// The number of steps taken so far.
    public private(set) var stepCount = 0
    /// The processes that take each step together, at most one for each of the parts of its gradients.
    public var group: any ProcessGroup = SingleProcess() { didSet { share() } }
    /// Whether the processes divide the optimiser's moments and the moving average among themselves. Set before the first step.
    public var shardsOptimizer = false { didSet { share() } }

    private let teacher: any DenoisingNetwork
    private let predictionType: PredictionType
    private let conditions: PromptConditions
    private let optimizer: Adam
    private var shared: SharedOptimizers
    private(set) var samplings: RunningSamplings
    private let initialContents: RunContents

    /// A training of a copy of a model's network.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - prompts: the training prompts.
    ///   - settings: the settings.
    ///
    /// Throws ``DistillationError`` for settings out of range, no prompts, and a model that is a student or reads images; `ModelError` for a schedule
    /// that its sampler does not support, and `AutogradError` for weights in 8-bit integers.
    public init(
        teacher: TextToImageModel, prompts: [String],
        settings: GuidanceDistillationSettings = GuidanceDistillationSettings()
    ) throws {
        try settings.validate()
        for (isValid, name, expected, found) in [
            (!prompts.isEmpty, "prompts", "at least one", "none"),
            (teacher.oneStep == nil, "teacher", "a multi-step model", "a one-step student"),
            (
                teacher.network.conditionChannels == 0, "teacher", "a network that reads only latents and the prompt",
                "an inpainting network"
            ),
        ] where !isValid {
            throw DistillationError.invalidSetting(name: name, expected: expected, found: found)
        }
        try teacher.network.parameters.all.checkAreNotQuantized(for: "GuidanceDistiller")
        self.settings = settings
        self.teacher = teacher.network
        predictionType = teacher.schedule.predictionType
        conditions = try PromptConditions(prompts, in: teacher.embeddings(for: prompts + [""]))
        let size = teacher.latentSize
        samplings = try RunningSamplings(
            count: settings.batchSize, steps: settings.steps,
            latentShape: [size.height, size.width, teacher.network.latentChannels], promptCount: prompts.count,
            sampler: teacher.deterministicSampler(), seed: settings.seed)
        network = teacher.network.copy(trainable: true)
        average = try ExponentialMovingAverage(of: network.parameters, decay: settings.averageDecay)
        optimizer = try Adam(
            network.parameters.all, learningRate: settings.learningRate, weightDecay: settings.weightDecay,
            averages: [average])
        shared = SharedOptimizers([optimizer], in: group, gradientType: settings.gradientType)
        var contents = RunContents()
        contents.add("teacher", weights: teacher.network.parameters)
        contents.add("prediction type", texts: ["\(predictionType)"])
        contents.add("prompts", texts: prompts)
        contents.add("prompt embeddings", computed: conditions.sample)
        contents.add("noise schedule", computed: teacher.schedule.fingerprint)
        initialContents = contents
    }

    /// The memory in bytes that the training holds throughout: the trained weights, their gradients, both moments and the average.
    public var memoryByteCount: Int {
        let (count, processes) = (network.parameters.scalarCount, shardsOptimizer ? group.count : 1)
        return MemoryLayout<Float>.stride * (2 * count + 3 * count / processes)
    }

    private func share() {
        shared = SharedOptimizers(
            [optimizer], in: group, sharding: shardsOptimizer, gradientType: settings.gradientType)
    }

    /// Takes the next step.
    ///
    /// Throws `RunError.nonFinite(step:tensor:count:)`, `ModelError` for a network of one's own whose output has another shape, and
    /// `CancellationError` in a cancelled task, and leaves the training as it was before.
    @discardableResult
    public func step() throws -> GuidanceDistillationStep {
        try (settings.precision ?? .current).within { try stepAtPrecision() }
    }

    private func stepAtPrecision() throws -> GuidanceDistillationStep {
        let start = ContinuousClock.now
        optimizer.learningRate = settings.learningRate * settings.learningRateSchedule.factor(at: stepCount)
        defer { optimizer.zeroGradients() }
        let parts = try BatchParts(settings.accumulatedParts, of: settings.batchSize, in: group)
        let guidance = Guidance(scale: settings.guidanceScale, unconditional: conditions.null)
        let (latents, timesteps) = (samplings.latents, samplings.timesteps)
        var targets: [Tensor] = []
        let losses = try shared.gradients(of: parts) { part in
            let noisy = latents.sliced(axis: 0, part.rows)
            let times = Array(timesteps[part.rows])
            let condition = conditions.conditions(Array(samplings.state.prompts[part.rows]))
            let target = try guidance.predict(with: teacher, noisy, at: times, given: condition)
            targets.append(target)
            let output = try network.checkedPrediction(Variable(noisy), at: times, given: condition)
            let loss = output.meanSquaredError(Variable(target))
            try loss.value.checkFinite("the loss", step: stepCount + 1)
            try Task.checkCancellation()
            return .init(
                Double(loss.value.item) * part.share, of: loss,
                gradient: Tensor(repeating: Float(part.share), shape: loss.shape))
        }
        let guided = try parts.joined(targets)
        let update = try shared.update(
            of: optimizer, limit: settings.gradientNormLimit, "the gradient", step: stepCount + 1)
        try update.apply("the network", step: stepCount + 1)
        samplings.advance(by: guided, predictionType)
        stepCount += 1
        return GuidanceDistillationStep(
            step: stepCount, loss: losses.reduce(0, +), gradientNorm: update.norm,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    /// Gives every process the whole moving average, if they divide it, until the next step.
    public func gatherAverages() throws { try shared.gatherAverages() }

    /// The model with the averaged network in place of the teacher's; it is sampled at guidance scale 1.
    ///
    /// - Parameter teacher: the model that the training was made from.
    ///
    /// Throws ``DistillationError`` for a model of another architecture.
    public func guidedModel(of teacher: TextToImageModel) throws -> TextToImageModel {
        guard teacher.network.parameters.hasShapes(of: average.parameters) else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "the model that the distiller was made from",
                found: "one of another architecture")
        }
        var model = teacher
        model.network = teacher.network.over(average.parameters.scope)
        return model
    }
}

// What a run stores.
extension GuidanceDistiller {
    /// The settings with which a run must be resumed.
    public struct Record: Codable, Equatable {
        var settings: GuidanceDistillationSettings
        var promptCount: Int
    }

    private struct State: Codable {
        var stepCount: Int
        var averageUpdateCount: Int
        var samplings: RunningSamplings.State
    }

    /// The settings and the number of prompts.
    public func record() throws -> Record { Record(settings: settings, promptCount: conditions.count) }

    /// The teacher's weights and schedule, and the prompts.
    public func contents() -> RunContents { initialContents }

    /// The size of a checkpoint's tensors in bytes.
    public var checkpointByteCount: Int { checkpoint.byteCount }

    /// Writes the network, its average, the optimiser, the samplings and the step, atomically. Throws what the file system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = State(
            stepCount: stepCount, averageUpdateCount: average.updateCount, samplings: samplings.state)
        try checkpoint.write(state, memory: ["latents": samplings.latents], to: url)
    }

    /// Restores the state that ``saveCheckpoint(to:)`` wrote. Throws `SafetensorsError`, or ``DistillationError`` for a file of another run; after an
    /// error nothing has changed.
    public func restoreCheckpoint(from url: URL) throws {
        let latents = try SafetensorsFile(contentsOf: url).tensor("memory.latents")
        let state = try checkpoint.restore(State.self, from: url) {
            $0.stepCount >= 0 && $0.averageUpdateCount >= 0 && samplings.fits($0.samplings)
                && latents.shape == samplings.latents.shape
        }.state
        samplings.restore(state.samplings, latents: latents)
        (average.updateCount, stepCount) = (state.averageUpdateCount, state.stepCount)
    }

    private var checkpoint: RunCheckpoint {
        RunCheckpoint(
            [("network", network.parameters), ("average", average.parameters)],
            optimizers: [("optimizer", optimizer)], in: [shared])
    }
}

/// The metrics of a step of a ``GuidanceDistiller``.
public struct GuidanceDistillationStep: TrainingStep, Equatable {
    /// The number of the step, from 1.
    public let step: Int
    /// The mean squared difference between the network's output and the teacher's guided one.
    public let loss: Double
    /// The global gradient norm before clipping.
    public let gradientNorm: Double
    /// The step's wall-clock time.
    public let seconds: Double
    /// The peak memory of the process so far.
    public let peakBytes: Int
}
