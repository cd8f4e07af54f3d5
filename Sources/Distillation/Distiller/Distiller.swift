import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// Turns a multi-step teacher into a one-step student, step by step, as SwiftBrush does (arXiv 2312.05239).
///
/// In each step, the student generates a batch, and teacher and fake score are evaluated on the noised batch. The loss turns their
/// predictions into a gradient, which updates the student and then its moving average. Finally the fake score is trained on the
/// student's samples.
public final class Distiller {
    /// The settings.
    public let configuration: DistillationConfiguration
    /// The loss that trains the student.
    public let loss: any DistillationLoss
    /// The student that is trained.
    public let student: OneStepStudent
    /// The exponential moving average of the student's parameters, which is the better student.
    public let average: ExponentialMovingAverage
    /// The frozen teacher.
    public let teacher: any DenoisingNetwork
    /// The fake score, which is trained on the student's samples.
    public let fakeScore: FakeScore
    /// The teacher's noise schedule.
    public let schedule: NoiseSchedule
    /// The components and data that the loss needs besides.
    public let resources: DistillationResources
    /// The number of steps taken so far.
    public internal(set) var stepCount = 0

    let initialContents: RunContents
    let conditions: PromptConditions
    let latentShape: [Int]
    let studentOptimizer: Adam
    let fakeScoreOptimizer: Adam
    /// Nil without a discriminator that the loss needs.
    let discriminatorOptimizer: Adam?
    var optimizers: [Adam] { [studentOptimizer, fakeScoreOptimizer] + (discriminatorOptimizer.map { [$0] } ?? []) }
    var streams: DistillationStreams
    /// The processes that take each step together, at most one for each of the parts of its gradients.
    public var group: any ProcessGroup = SingleProcess() { didSet { share() } }
    /// Whether the processes divide the optimisers' moments and the moving average among themselves. Set before the first step.
    public var shardsOptimizer = false { didSet { share() } }
    private(set) var sharedStudent: SharedOptimizers
    /// The fake score's optimiser, and the discriminator's.
    private(set) var sharedFakeScore: SharedOptimizers
    /// The memory that the loss returned at the last step.
    var memory: [String: Tensor] = [:]
    /// The samples on which the fake score's lag is measured next.
    var earlierSamples: EarlierSamples?

    /// A distillation with any networks.
    ///
    /// - Parameters:
    ///   - student: the student; its parameters are made trainable.
    ///   - teacher: the teacher; its parameters must be frozen.
    ///   - fakeScore: the fake score.
    ///   - schedule: the noise schedule and prediction type of teacher and fake score.
    ///   - conditions: the prompts' embeddings.
    ///   - latentShape: `[height, width, channels]` of a sample.
    ///   - loss: the loss that trains the student.
    ///   - configuration: the settings.
    ///   - resources: the components and data that the loss needs besides.
    ///
    /// Throws ``DistillationError`` for settings out of range, and for missing resources of the loss; `AutogradError` for a student or fake
    /// score whose weights are 8-bit integers.
    public init(
        student: OneStepStudent, teacher: any DenoisingNetwork, fakeScore: FakeScore, schedule: NoiseSchedule,
        conditions: PromptConditions, latentShape: [Int], loss: any DistillationLoss,
        configuration: DistillationConfiguration, resources: DistillationResources = DistillationResources()
    ) throws {
        try configuration.validate(loss: loss, schedule: schedule)
        try configuration.check(student.step, loss, on: schedule)
        for (name, parameters) in [("student", student.parameters), ("fakeScore", fakeScore.parameters)]
        where parameters.isReadOnly {
            throw DistillationError.invalidSetting(
                name: name, expected: "parameters that can be trained, such as those of a copy(trainable: true)",
                found: "a model's, which are read-only")
        }
        for trained in [student.parameters, fakeScore.parameters] {
            try trained.all.checkAreNotQuantized(for: "Distiller")
        }
        for network in [student.network, teacher, fakeScore.network] { try network.check(conditions.null) }
        try configuration.checkAlignment(of: fakeScore, with: student.parameters, teacher: teacher.parameters)
        try resources.validate(for: loss, latentShape: latentShape, promptCount: conditions.count)
        (self.student, self.teacher, self.fakeScore, self.schedule) = (student, teacher, fakeScore, schedule)
        (self.conditions, self.latentShape, self.loss) = (conditions, latentShape, loss)
        (self.configuration, self.resources) = (configuration, resources)
        initialContents = Self.contents(
            student: student, teacher: teacher, schedule: schedule, conditions: conditions, resources: resources)
        student.parameters.unfreeze()
        resources.discriminator?.parameters.freeze()
        average = try ExponentialMovingAverage(
            of: student.parameters, decay: configuration.averageDecay, rule: configuration.averageRule)
        studentOptimizer = try configuration.adam(
            student.parameters, learningRate: configuration.studentLearningRate, averages: [average])
        fakeScoreOptimizer = try configuration.adam(
            fakeScore.parameters, learningRate: configuration.fakeScoreLearningRate)
        discriminatorOptimizer =
            loss.needs.contains(.discriminator)
            ? try resources.discriminator.map {
                try configuration.adam($0.parameters, learningRate: configuration.fakeScoreLearningRate)
            } : nil
        streams = DistillationStreams(seed: configuration.seed)
        sharedStudent = SharedOptimizers([studentOptimizer], in: group)
        sharedFakeScore = SharedOptimizers([fakeScoreOptimizer], in: group)
        share()
    }

    private func share() {
        func shared(_ optimizers: [Adam]) -> SharedOptimizers {
            SharedOptimizers(
                optimizers, in: group, sharding: shardsOptimizer, gradientType: configuration.gradientType)
        }
        (sharedStudent, sharedFakeScore) = (shared([studentOptimizer]), shared(Array(optimizers.dropFirst())))
    }

    /// Gives every process the whole moving average, if they divide it, until the next step.
    public func gatherAverages() throws { try sharedStudent.gatherAverages() }

    /// A distillation of a text-to-image model. The student is initialised from the teacher's network or from another student's,
    /// as SwiftBrush v2 starts from SD-Turbo; the fake score is the teacher's network with adapters, or a copy of it.
    ///
    /// Unless `resources` contains others, the decoder is the teacher's, and the discriminator is a ``BottleneckDiscriminator`` on
    /// the fake score.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - start: the model from whose network the student is initialised; nil for the teacher.
    ///   - loss: the loss that trains the student.
    ///   - prompts: the training prompts.
    ///   - configuration: the settings; nil for SwiftBrush's with the loss's usual training of the fake score, and in flow matching with its σ_T.
    ///   - resources: the components and data that the loss needs besides.
    ///
    /// Throws ``DistillationError`` for settings out of range, no prompts, a teacher that is itself a student, a start of another
    /// architecture or timestep, and for missing resources of the loss; `AdapterTargetError` for adapter targets that the teacher's
    /// network does not have, and `AutogradError` for a student from weights in 8-bit integers, before anything is computed.
    public convenience init(
        teacher: TextToImageModel, startingFrom start: TextToImageModel? = nil,
        loss: any DistillationLoss = VariationalScoreDistillation(), prompts: [String],
        configuration: DistillationConfiguration? = nil,
        resources: DistillationResources = DistillationResources()
    ) throws {
        var usual = DistillationConfiguration(for: loss)
        try usual.setStudentTimestep(usual.studentTimestep, on: teacher.schedule)
        let configuration = configuration ?? usual
        guard !prompts.isEmpty else {
            throw DistillationError.invalidSetting(name: "prompts", expected: "at least one", found: "none")
        }
        guard teacher.oneStep == nil else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "a multi-step model", found: "a one-step student")
        }
        guard teacher.network.conditionChannels == 0 else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "a network that reads only latents and the prompt",
                found: "an inpainting network")
        }
        try configuration.validate(loss: loss, schedule: teacher.schedule)
        try (start ?? teacher).network.parameters.all.checkAreNotQuantized(for: "Distiller")
        let fakeScore = try configuration.fakeScore(of: teacher.network)
        let conditions = try PromptConditions(prompts, in: teacher.embeddings(for: prompts + [""]))
        if let start { try configuration.check(start, against: teacher) }
        let student = try configuration.student(of: teacher, startingFrom: start ?? teacher)
        var resources = resources
        if resources.decoder == nil { resources.decoder = teacher.decoder }
        if resources.discriminator == nil, loss.needs.contains(.discriminator),
            let features = fakeScore.network.features
        {
            var stream = RandomStream(seed: configuration.seed).split("discriminator")
            resources.discriminator = BottleneckDiscriminator(on: features, using: &stream)
        }
        let size = teacher.latentSize
        try self.init(
            student: student, teacher: teacher.network, fakeScore: fakeScore, schedule: teacher.schedule,
            conditions: conditions,
            latentShape: [size.height, size.width, teacher.network.latentChannels], loss: loss,
            configuration: configuration, resources: resources)
    }
}

extension DistillationConfiguration {
    /// The student's first step and those that may follow.
    func studentSteps(on schedule: NoiseSchedule) throws -> OneStepConfiguration {
        try studentStep.dividedEvenly(into: studentStepCount, of: schedule)
    }

    /// The student that the settings describe, with a model's weights to start from. Throws what `StudentAdapters` may have wrong.
    fileprivate func student(
        of teacher: TextToImageModel, startingFrom start: TextToImageModel
    ) throws -> OneStepStudent {
        let step = try studentSteps(on: teacher.schedule)
        let prediction = studentPrediction ?? teacher.schedule.predictionType
        guard let studentAdapters else {
            let network = teacher.network.over(start.network.parameters.copy(trainable: true).scope)
            return OneStepStudent(
                network: network.recomputingBlocks(recomputesBlocks), step: step, predictionType: prediction)
        }
        var stream = RandomStream(seed: seed).split("student adapters")
        let (network, adapters) = try start.network.adapted(
            rank: studentAdapters.rank, alpha: studentAdapters.alpha, targets: studentAdapters.targets, using: &stream)
        return OneStepStudent(
            network: network.recomputingBlocks(recomputesBlocks), step: step, predictionType: prediction,
            adapters: adapters)
    }

    /// The student's timestep and ᾱ.
    var studentStep: OneStepConfiguration {
        get throws {
            try OneStepConfiguration(
                timestep: studentTimestep, cumulativeAlpha: studentCumulativeAlpha, sigma: studentSigma)
        }
    }

    fileprivate func adam(
        _ parameters: ParameterSet, learningRate: Double, averages: [ExponentialMovingAverage] = []
    ) throws -> Adam {
        try Adam(
            parameters.all, learningRate: learningRate, betas: (firstMomentDecay, secondMomentDecay),
            epsilon: adamEpsilon, weightDecay: weightDecay, averages: averages)
    }

    /// The fake score that the settings describe. Throws what `FakeScore(adapting:rank:alpha:targets:using:)` throws.
    func fakeScore(of teacher: any DenoisingNetwork) throws -> FakeScore {
        if fakeScoreWeights == .copy { return FakeScore(copying: teacher) }
        var stream = RandomStream(seed: seed).split("adapters")
        return try FakeScore(
            adapting: teacher, rank: adapterRank, alpha: adapterAlpha, targets: adapterTargets, using: &stream)
    }
}
