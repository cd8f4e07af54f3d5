import Autograd
import DiffusionModels
import Tensor

/// Turns a multi-step teacher into a one-step student, step by step, as SwiftBrush does (arXiv 2312.05239).
///
/// A step: the student draws; teacher and fake score judge the noised drawing; the loss makes a gradient of their
/// judgements, which the student follows, and its moving average after it; then the fake score learns the same drawing. As a sequence it goes on until the caller stops pulling, or until a step fails: then ``failure`` says why.
public final class Distiller {
    /// The settings.
    public let configuration: DistillationConfiguration
    /// How the student is told to change.
    public let loss: any DistillationLoss
    /// The network that is trained.
    public let student: OneStepStudent
    /// The slowly following copy of the student's weights, which is the better student.
    public let average: ExponentialMovingAverage
    /// The frozen network that knows the pictures.
    public let teacher: any DenoisingNetwork
    /// The network that learns what the student draws.
    public let fakeScore: FakeScore
    /// The teacher's noise schedule.
    public let schedule: NoiseSchedule
    /// What the loss needs besides.
    public let resources: DistillationResources
    /// Steps taken so far.
    public internal(set) var stepCount = 0
    /// What stopped the sequence, nil while nothing did.
    public private(set) var failure: (any Error)?

    let initialContents: RunContents
    let conditions: PromptConditions
    let latentShape: [Int]
    let studentOptimizer: Adam
    let fakeScoreOptimizer: Adam
    /// Nil without a discriminator that the loss needs.
    let discriminatorOptimizer: Adam?
    var streams: DistillationStreams
    /// What the loss remembered at the last step.
    var memory: [String: Tensor] = [:]

    /// A distillation of any networks.
    ///
    /// - Parameters:
    ///   - student: what is trained; its parameters are made trainable.
    ///   - teacher: what judges; its parameters must be frozen.
    ///   - fakeScore: what learns the student's pictures.
    ///   - schedule: the noise schedule and prediction type of teacher and fake score.
    ///   - conditions: the prompts.
    ///   - latentShape: `[height, width, channels]` of a sample.
    ///   - loss: how the student is told to change.
    ///   - configuration: the settings.
    ///   - resources: what the loss needs besides.
    ///
    /// Throws ``DistillationError`` for settings out of range, and for what the loss needs and is not there.
    public init(
        student: OneStepStudent, teacher: any DenoisingNetwork, fakeScore: FakeScore, schedule: NoiseSchedule,
        conditions: PromptConditions, latentShape: [Int], loss: any DistillationLoss,
        configuration: DistillationConfiguration, resources: DistillationResources = DistillationResources()
    ) throws {
        try configuration.validate(loss: loss, schedule: schedule)
        try resources.validate(for: loss, latentShape: latentShape, promptCount: conditions.count)
        (self.student, self.teacher, self.fakeScore, self.schedule) = (student, teacher, fakeScore, schedule)
        (self.conditions, self.latentShape, self.loss) = (conditions, latentShape, loss)
        (self.configuration, self.resources) = (configuration, resources)
        initialContents = Self.contents(
            student: student, teacher: teacher, schedule: schedule, conditions: conditions, resources: resources)
        student.parameters.unfreeze()
        resources.discriminator?.parameters.freeze()
        average = ExponentialMovingAverage(
            of: student.parameters, decay: configuration.averageDecay, rule: configuration.averageRule)
        studentOptimizer = configuration.adam(
            student.parameters, learningRate: configuration.studentLearningRate, averages: [average])
        fakeScoreOptimizer = configuration.adam(
            fakeScore.parameters, learningRate: configuration.fakeScoreLearningRate)
        discriminatorOptimizer =
            loss.needs.contains(.discriminator)
            ? resources.discriminator.map {
                configuration.adam($0.parameters, learningRate: configuration.fakeScoreLearningRate)
            } : nil
        streams = DistillationStreams(seed: configuration.seed)
    }

    /// A distillation of a text-to-image model: the student starts as a copy of the teacher's network or of another student's,
    /// as SwiftBrush v2 starts from SD-Turbo; the fake score is the teacher's network with adapters, or a copy of it.
    ///
    /// A decoder is the teacher's own, and a discriminator a ``BottleneckDiscriminator`` on the fake score, unless
    /// `resources` brings others.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - start: whose network the student starts from; nil for the teacher's.
    ///   - loss: how the student is told to change.
    ///   - prompts: what the student learns to draw.
    ///   - embeddings: where the prompts' embeddings, and the empty prompt's, are taken from; nil to load the text encoder
    ///     for them.
    ///   - configuration: the settings.
    ///   - resources: what the loss needs besides.
    ///
    /// Throws ``DistillationError`` for settings out of range, no prompts, a teacher that is itself a student, a start of another
    /// architecture or timestep, and for what the loss needs and is not there; `AdapterTargetError`, before any work, for adapter targets
    /// that the teacher's network does not have; `ModelError` for embeddings of another text encoder or without one of the
    /// prompts.
    public convenience init(
        teacher: TextToImageModel, startingFrom start: TextToImageModel? = nil,
        loss: any DistillationLoss = VariationalScoreDistillation(), prompts: [String],
        embeddings: PromptEmbeddings? = nil, configuration: DistillationConfiguration = DistillationConfiguration(),
        resources: DistillationResources = DistillationResources()
    ) throws {
        guard !prompts.isEmpty else {
            throw DistillationError.invalidSetting(name: "prompts", expected: "at least one", found: "none")
        }
        guard teacher.oneStep == nil else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "a multi-step model", found: "a one-step student")
        }
        let fakeScore = try configuration.fakeScore(of: teacher.unet)
        try embeddings?.check(against: teacher)
        let conditions = try PromptConditions(prompts, in: embeddings ?? teacher.embeddings(for: prompts + [""]))
        if let start { try configuration.check(start, against: teacher) }
        var network = UNet2DConditionModel(
            teacher.unet.configuration, in: (start ?? teacher).unet.parameters.copy(trainable: true).scope)
        network.recomputesBlocks = configuration.recomputesBlocks
        var resources = resources
        if resources.decoder == nil { resources.decoder = teacher.decoder }
        if resources.discriminator == nil, loss.needs.contains(.discriminator),
            let network = fakeScore.network as? UNet2DConditionModel
        {
            var stream = RandomStream(seed: configuration.seed).split("discriminator")
            resources.discriminator = BottleneckDiscriminator(of: network, using: &stream)
        }
        let size = teacher.latentSize
        try self.init(
            student: OneStepStudent(
                network: network, step: configuration.studentStep,
                predictionType: configuration.studentPrediction ?? teacher.schedule.predictionType),
            teacher: teacher.unet, fakeScore: fakeScore, schedule: teacher.schedule,
            conditions: conditions,
            latentShape: [size.height, size.width, teacher.unet.configuration.inputChannels], loss: loss,
            configuration: configuration, resources: resources)
    }
}

extension Distiller: Sequence, IteratorProtocol {
    /// Takes the next step; nil, with ``failure`` set, when it cannot be taken.
    public func next() -> DistillationStep? {
        guard failure == nil else { return nil }
        do {
            return try step()
        } catch {
            failure = error
            return nil
        }
    }
}

extension DistillationConfiguration {
    /// Where the student works.
    var studentStep: OneStepConfiguration {
        OneStepConfiguration(timestep: studentTimestep, cumulativeAlpha: studentCumulativeAlpha)
    }

    fileprivate func adam(
        _ parameters: ParameterSet, learningRate: Double, averages: [ExponentialMovingAverage] = []
    ) -> Adam {
        Adam(
            parameters.all, learningRate: learningRate, betas: (firstMomentDecay, secondMomentDecay),
            epsilon: adamEpsilon, weightDecay: weightDecay, averages: averages)
    }

    /// The fake score that the settings ask for. Throws what `FakeScore(adapting:rank:alpha:targets:using:)` throws.
    func fakeScore(of teacher: UNet2DConditionModel) throws -> FakeScore {
        if fakeScoreWeights == .copy { return FakeScore(copying: teacher) }
        var stream = RandomStream(seed: seed).split("adapters")
        return try FakeScore(
            adapting: teacher, rank: adapterRank, alpha: adapterAlpha, targets: adapterTargets, using: &stream)
    }
}
