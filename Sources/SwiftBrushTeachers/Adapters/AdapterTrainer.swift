import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// Teaches a model a subject or a style from a few pictures, as low-rank adapters (DreamBooth, arXiv 2208.12242, with LoRA, arXiv 2106.09685).
///
/// A multi-step model learns by the denoising loss. A one-step student learns at its own timestep and stays a student of one step. Both may keep
/// what they make of other prompts, the *prior*: a multi-step model by images that it generates of them before the first step, a student by its
/// own output.
public final class AdapterTrainer: ResumableTraining {
    /// The settings.
    public let settings: AdapterTrainingSettings
    /// The number of steps taken so far.
    public internal(set) var stepCount = 0
    /// The processes that take each step together, at most one for each of the parts of its gradients.
    public var group: any ProcessGroup = SingleProcess() { didSet { share() } }
    /// Whether the processes divide the optimiser's moments and the moving average among themselves. Set before the first step.
    public var shardsOptimizer = false { didSet { share() } }

    private let model: TextToImageModel
    let captions: [String]
    private let weights: [Double]
    /// The windows per prompt, the same for the text encoder with adapters as for the kept embeddings.
    private let windows: Int
    let latents: Tensor
    /// The prompt of each of a multi-step model's prior images, or the prompts of a student's prior.
    private let priorPrompts: [String]
    private let network: any DenoisingNetwork
    private let textEncoder: (any TextEncoder)?
    let networkAdapters: AveragedAdapters
    let textEncoderAdapters: AveragedAdapters?
    let optimizer: Adam
    private(set) var shared: SharedOptimizers
    var streams: AdapterStreams
    var objective: (any AdapterObjective)?
    /// The latents of the prior's images, from a checkpoint or generated.
    var priorLatents: Tensor?
    let initialContents: RunContents

    /// A training of adapters.
    ///
    /// - Parameters:
    ///   - model: a multi-step model or a student of one step, with an autoencoder that encodes pictures.
    ///   - pictures: pictures of the subject or style, of the model's size, with captions that name it.
    ///   - priorPrompts: prompts of which the model shall keep what it makes; none for no prior.
    ///   - settings: the settings.
    ///
    /// Throws ``TrainingError`` for settings out of range, pictures of another size, and a model that cannot be trained so; `AdapterTargetError`
    /// for targets that match no layer; `ModelError` if the text encoder cannot be loaded; `AutogradError` for weights in 8-bit integers.
    public init(
        model: TextToImageModel, pictures: CaptionedPictures, priorPrompts: [String] = [],
        settings: AdapterTrainingSettings = AdapterTrainingSettings()
    ) throws {
        try settings.validate()
        let pictures = try pictures.subset(pictures.split(.train).filter { pictures.captions[$0].weight > 0 })
        try Self.check(model, pictures)
        try model.network.parameters.all.checkAreNotQuantized(for: "AdapterTrainer")
        guard let autoencoder = model.autoencoder else { throw ModelError.missingAutoencoder(path: model.name) }
        let captions = pictures.captions.map(\.text)
        let imagePrompts =
            model.oneStep == nil ? PriorImages.prompts(settings.priorPictures, of: priorPrompts) : priorPrompts
        let prompts = Array(Set(captions + imagePrompts + [""])).sorted()
        self.model = try model.keepingEmbeddings(of: prompts)
        (self.captions, self.priorPrompts, self.settings) = (captions, imagePrompts, settings)
        weights = pictures.captions.map(\.weight)
        windows = model.textEncoder.windowCount(for: prompts)
        latents = try autoencoder.latents(of: pictures)
        var stream = RandomStream(seed: settings.seed).split("adapters")
        let (adapted, adapters) = try model.network.adapted(
            rank: settings.rank, alpha: settings.alpha, targets: settings.targets, using: &stream)
        let text = try Self.adaptedTextEncoder(of: model, settings, using: &stream)
        (network, textEncoder) = (adapted, text?.network)
        networkAdapters = try AveragedAdapters(adapters, decay: settings.averageDecay)
        textEncoderAdapters = try text.map { try AveragedAdapters($0.adapters, decay: settings.averageDecay) }
        let all = [networkAdapters] + (textEncoderAdapters.map { [$0] } ?? [])
        optimizer = try Adam(
            all.flatMap(\.adapters.parameters.all), learningRate: settings.learningRate,
            weightDecay: settings.weightDecay, averages: all.map(\.average))
        shared = SharedOptimizers([optimizer], in: group, gradientType: settings.gradientType)
        streams = AdapterStreams(seed: settings.seed)
        var contents = RunContents()
        contents.add("pictures", of: pictures)
        contents.add("model", weights: model.network.parameters)
        contents.add("prompts of the prior", texts: priorPrompts)
        let condition = try self.model.embeddings(for: prompts).condition
        contents.add(
            "prompt embeddings", computed: [condition.tokens.value] + (condition.pooled.map { [$0.value] } ?? []))
        contents.add("latents of the pictures", computed: [latents])
        contents.add(
            "prediction type and timestep",
            texts: ["\(model.schedule.predictionType)", model.oneStep.map(Self.description) ?? "many"])
        contents.add("noise schedule", computed: model.schedule.fingerprint)
        initialContents = contents
    }

    /// A student's step as runs record it.
    static func description(_ step: OneStepConfiguration) -> String {
        let sigma = step.sigma.map { ", sigma: \($0)" } ?? ""
        return
            "OneStepConfiguration(timestep: \(step.timestep), cumulativeAlpha: \(step.cumulativeAlpha)\(sigma), laterSteps: [])"
    }

    /// Throws ``TrainingError`` unless a model can be trained on pictures of this size.
    private static func check(_ model: TextToImageModel, _ pictures: CaptionedPictures) throws(TrainingError) {
        let (size, factor) = (model.latentSize, model.decoder.pixelsPerLatent)
        for (isValid, name, expected, found) in [
            (
                model.network.conditionChannels == 0, "model", "a network that reads only latents and the prompt",
                "an inpainting network"
            ),
            (
                model.oneStep?.laterSteps.isEmpty ?? true, "model", "a multi-step model or a student of one step",
                "a student of \((model.oneStep?.laterSteps.count ?? 0) + 1) steps"
            ),
            (
                (pictures.width, pictures.height) == (size.width * factor, size.height * factor), "pictures",
                "\(size.width * factor) × \(size.height * factor) pixels", "\(pictures.width) × \(pictures.height)"
            ),
        ] {
            try TrainingError.check(isValid, name, expected: expected, found: found)
        }
    }

    /// The text encoder with adapters; nil without targets.
    private static func adaptedTextEncoder(
        of model: TextToImageModel, _ settings: AdapterTrainingSettings, using stream: inout RandomStream
    ) throws -> (network: any TextEncoder, adapters: LowRankAdapterSet)? {
        guard !settings.textEncoderTargets.isEmpty else { return nil }
        let encoder = try model.textEncoder.loaded()
        try TrainingError.check(
            !encoder.parameters.all.isEmpty, "textEncoderTargets", expected: "none for a model with two text encoders",
            found: settings.textEncoderTargets)
        return try encoder.adapted(
            rank: settings.rank, alpha: settings.alpha, targets: settings.textEncoderTargets, using: &stream)
    }

    /// The number of trained parameters.
    public var scalarCount: Int { optimizer.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// The memory in bytes that the training holds throughout: adapters, gradients, both moments and the average, and the latents of the pictures
    /// and of the prior.
    public var memoryByteCount: Int {
        let moments = 3 * scalarCount / (shardsOptimizer ? group.count : 1)
        return MemoryLayout<Float>.stride * (2 * scalarCount + moments + latents.count + priorCount)
    }

    /// The elements of the prior's latents.
    var priorCount: Int {
        model.oneStep == nil ? priorPrompts.count * latents.shape.dropFirst().reduce(1, *) : 0
    }

    private func share() {
        shared = SharedOptimizers(
            [optimizer], in: group, sharding: shardsOptimizer, gradientType: settings.gradientType)
    }

    /// Generates the prior's images of a multi-step model, unless a checkpoint had them. ``step()`` does it too.
    ///
    /// - Parameter progress: called with the number of images that are done, and of all.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:)`.
    public func generatePrior(progress: (Int, Int) -> Void = { _, _ in }) throws {
        _ = try objectiveOfRun(progress: progress)
    }

    /// The objective, which is made once: then the prior's images are generated.
    private func objectiveOfRun(progress: (Int, Int) -> Void = { _, _ in }) throws -> any AdapterObjective {
        if let objective { return objective }
        let made = try (settings.precision ?? .current).within { try makeObjective(progress: progress) }
        objective = made
        return made
    }

    private func makeObjective(progress: (Int, Int) -> Void) throws -> any AdapterObjective {
        if let student = model.student {
            let embeddings = try priorPrompts.isEmpty ? nil : model.embeddings(for: priorPrompts)
            return OneStepObjective(
                student: student, latents: latents, captions: captions, prior: embeddings.map { (priorPrompts, $0) })
        }
        var prior: PriorImages?
        if !priorPrompts.isEmpty, settings.priorWeight > 0 {
            prior =
                try priorLatents.map { PriorImages(prompts: priorPrompts, latents: $0) }
                ?? PriorImages(of: model, prompts: priorPrompts, settings: settings, in: group, progress: progress)
            priorLatents = prior?.latents
        }
        var objective = DenoisingObjective(
            schedule: model.schedule, latents: latents, captions: captions, prior: prior,
            minimumSNR: settings.minimumSNR)
        if settings.priorTarget == .prediction {
            objective.frozenPrediction = { [model] noisy, timesteps, prompts in
                let condition = try model.embeddings(for: prompts).condition(for: prompts)
                let times = timesteps.map(Double.init)
                return try model.network.checkedPrediction(Variable(noisy), at: times, given: condition).value
            }
        }
        return objective
    }

    /// Takes the next step.
    ///
    /// Throws `RunError.nonFinite(step:tensor:count:)`, `ModelError` for a network of one's own whose output has another shape, what the text
    /// encoder throws, and `CancellationError` in a cancelled task, and leaves the training as it was before.
    @discardableResult
    public func step() throws -> AdapterStep {
        let before = streams
        do {
            let objective = try objectiveOfRun()
            return try step(
                with: streams.next(
                    settings.batchSize, weights: weights,
                    priorCount: settings.priorWeight > 0 ? objective.priorCount : 0,
                    emptyShare: objective.emptyShare, levels: objective.timesteps,
                    latentShape: Array(latents.shape.dropFirst())))
        } catch {
            streams = before
            throw error
        }
    }

    /// Takes the next step with the given inputs. Throws as ``step()``.
    func step(with inputs: AdapterStepInputs) throws -> AdapterStep {
        try (settings.precision ?? .current).within { try stepAtPrecision(with: inputs, objectiveOfRun()) }
    }

    private func stepAtPrecision(
        with inputs: AdapterStepInputs, _ objective: any AdapterObjective
    ) throws -> AdapterStep {
        let start = ContinuousClock.now
        defer { optimizer.zeroGradients() }
        let parts = try BatchParts(settings.accumulatedParts, of: settings.batchSize, in: group)
        let losses = try shared.gradients(of: parts) { part in
            let targets = try objective.targets(of: inputs, rows: part.rows)
            let own = try loss(targets.pictures)
            let prior = try targets.prior.map { try loss($0) }
            let sum = prior.map { own + $0 * Float(settings.priorWeight) } ?? own
            try sum.value.checkFinite("the loss", step: stepCount + 1)
            try Task.checkCancellation()
            return .init(
                [own, prior].map { $0.map { Double($0.value.item) * part.share } ?? 0 }, of: sum,
                gradient: Tensor(repeating: Float(part.share), shape: sum.shape))
        }
        let update = try shared.update(
            of: optimizer, limit: settings.gradientNormLimit, "the gradient", step: stepCount + 1)
        try update.apply("the adapters", step: stepCount + 1)
        stepCount += 1
        return AdapterStep(
            step: stepCount, loss: losses.reduce(0) { $0 + $1[0] },
            priorLoss: inputs.prior.isEmpty ? nil : losses.reduce(0) { $0 + $1[1] }, gradientNorm: update.norm,
            seconds: (ContinuousClock.now - start) / .seconds(1), peakBytes: peakResidentBytes())
    }

    /// The weighted mean squared error of the network's output.
    private func loss(_ targets: AdapterTargets) throws -> Variable {
        let condition =
            try textEncoder?.checkedCondition(for: targets.prompts, windows: windows)
            ?? model.embeddings(for: targets.prompts).condition(for: targets.prompts)
        let output = try network.checkedPrediction(
            Variable(targets.noisy), at: targets.timesteps.map(Double.init), given: condition)
        let weights = Tensor(perSample: targets.weights.map { Float($0) })
        return ((output - Variable(targets.outputs)).squared() * Variable(weights)).mean()
    }

    /// Gives every process the whole moving average, if they divide it, until the next step.
    public func gatherAverages() throws { try shared.gatherAverages() }

    /// The adapters, or their average: changes of the model's weights, which `LowRankWeights.save(to:as:for:weight:scalarType:)` writes.
    public var adapters: LowRankWeights {
        let own = LowRankWeights(networkAdapters.adapters, values: networkAdapters.average.parameters)
        guard let text = textEncoderAdapters else { return own }
        return own.adding(LowRankWeights(text.adapters, values: text.average.parameters, of: .textEncoder))
    }

    /// The model with the adapters merged into its weights. Throws as `LowRankWeights.merge(into:weight:)`.
    public func adaptedModel() throws -> TextToImageModel {
        var adapted = model
        try adapters.merge(into: &adapted)
        return adapted
    }
}

/// Adapters that are trained, and their moving average.
struct AveragedAdapters {
    let adapters: LowRankAdapterSet
    let average: ExponentialMovingAverage

    init(_ adapters: LowRankAdapterSet, decay: Double) throws {
        adapters.parameters.unfreeze()
        self.adapters = adapters
        average = try ExponentialMovingAverage(of: adapters.parameters, decay: decay)
    }
}
