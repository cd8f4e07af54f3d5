import Autograd
import DiffusionModels
import Tensor

/// Turns a multi-step teacher into a one-step student, step by step, as SwiftBrush does (arXiv 2312.05239).
///
/// A step: the student draws; teacher and fake score judge the noised drawing; the loss makes a gradient of their
/// judgements, which the student follows; then the fake score learns the same drawing; then the student's moving average
/// follows. As a sequence it goes on until the caller stops pulling, or until a step fails: then ``failure`` says why.
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
    public let teacher: any NoisePredictor
    /// The network that learns what the student draws.
    public let fakeScore: FakeScore
    /// The teacher's noise schedule.
    public let schedule: NoiseSchedule
    /// Steps taken so far.
    public internal(set) var stepCount = 0
    /// What stopped the sequence, nil while nothing did.
    public private(set) var failure: (any Error)?

    let conditions: PromptConditions
    let latentShape: [Int]
    let studentOptimizer: Adam
    let fakeScoreOptimizer: Adam
    var streams: DistillationStreams

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
    ///
    /// Throws ``DistillationError`` for settings out of range.
    public init(
        student: OneStepStudent, teacher: any NoisePredictor, fakeScore: FakeScore, schedule: NoiseSchedule,
        conditions: PromptConditions, latentShape: [Int], loss: any DistillationLoss,
        configuration: DistillationConfiguration
    ) throws {
        try configuration.validate(loss: loss, schedule: schedule)
        (self.student, self.teacher, self.fakeScore, self.schedule) = (student, teacher, fakeScore, schedule)
        (self.conditions, self.latentShape, self.loss) = (conditions, latentShape, loss)
        self.configuration = configuration
        student.parameters.unfreeze()
        average = ExponentialMovingAverage(
            of: student.parameters, decay: configuration.averageDecay, rule: configuration.averageRule)
        studentOptimizer = configuration.adam(student.parameters, learningRate: configuration.studentLearningRate)
        fakeScoreOptimizer = configuration.adam(
            fakeScore.parameters, learningRate: configuration.fakeScoreLearningRate)
        streams = DistillationStreams(seed: configuration.seed)
    }

    /// A distillation of a text-to-image model: the student starts as a copy of the teacher's network, the fake score is
    /// the teacher's network with adapters.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - loss: how the student is told to change.
    ///   - prompts: what the student learns to draw.
    ///   - embeddings: where the prompts' embeddings, and the empty prompt's, are taken from; nil to load the text encoder
    ///     for them.
    ///   - configuration: the settings.
    ///
    /// Throws ``DistillationError`` for settings out of range, no prompts, or a teacher that is itself a student, and
    /// `ModelError` for embeddings of another text encoder or without one of the prompts.
    public convenience init(
        teacher: TextToImageModel, loss: any DistillationLoss = VariationalScoreDistillation(), prompts: [String],
        embeddings: PromptEmbeddings? = nil, configuration: DistillationConfiguration = DistillationConfiguration()
    ) throws {
        guard !prompts.isEmpty else {
            throw DistillationError.invalidSetting(name: "prompts", expected: "at least one", found: "none")
        }
        guard teacher.oneStep == nil else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "a multi-step model", found: "a one-step student")
        }
        try embeddings?.check(against: teacher)
        let conditions = try PromptConditions(prompts, in: embeddings ?? teacher.embeddings(for: prompts + [""]))
        var network = UNet2DConditionModel(
            teacher.unet.configuration, in: teacher.unet.parameters.copy(trainable: true).scope)
        network.recomputesBlocks = configuration.recomputesBlocks
        var stream = RandomStream(seed: configuration.seed).split("adapters")
        let fakeScore = FakeScore(
            adapting: teacher.unet, rank: configuration.adapterRank, alpha: configuration.adapterAlpha,
            targets: configuration.adapterTargets, using: &stream)
        let size = teacher.latentSize
        try self.init(
            student: OneStepStudent(
                network: network, step: configuration.studentStep, predictionType: teacher.schedule.predictionType),
            teacher: teacher.unet, fakeScore: fakeScore, schedule: teacher.schedule,
            conditions: conditions,
            latentShape: [size.height, size.width, teacher.unet.configuration.inputChannels], loss: loss,
            configuration: configuration)
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

    fileprivate func adam(_ parameters: ParameterSet, learningRate: Double) -> Adam {
        Adam(
            parameters.all, learningRate: learningRate, betas: (firstMomentDecay, secondMomentDecay),
            epsilon: adamEpsilon, weightDecay: weightDecay)
    }

    fileprivate func validate(loss: any DistillationLoss, schedule: NoiseSchedule) throws {
        func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            if isValid { return }
            throw DistillationError.invalidSetting(name: name, expected: expected, found: "\(found)")
        }
        let (count, training) = (schedule.timestepCount, fakeScoreTraining)
        func isInside(_ range: Range<Int>) -> Bool {
            !range.isEmpty && 0 <= range.lowerBound && range.upperBound <= count
        }
        func isRate(_ rate: Double) -> Bool { rate.isFinite && rate >= 0 }
        let timesteps = "a range of timesteps within 0..<\(count)"
        try check(batchSize > 0, "batchSize", "at least 1", batchSize)
        try check(isRate(studentLearningRate), "studentLearningRate", "a finite number from 0", studentLearningRate)
        try check(
            isRate(fakeScoreLearningRate), "fakeScoreLearningRate", "a finite number from 0", fakeScoreLearningRate)
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
        try check(adapterRank > 0, "adapterRank", "at least 1", adapterRank)
        try check((0..<count).contains(studentTimestep), "studentTimestep", "0 to \(count - 1)", studentTimestep)
        try check(
            studentCumulativeAlpha > 0 && studentCumulativeAlpha <= 1, "studentCumulativeAlpha",
            "a number above 0 and at most 1", studentCumulativeAlpha)
        try check((0...1).contains(averageDecay), "averageDecay", "a number from 0 to 1", averageDecay)
        try check((0...1).contains(training.nullPromptRate), "nullPromptRate", "0 to 1", training.nullPromptRate)
        try check(training.stepsPerStudentStep >= 0, "stepsPerStudentStep", "at least 0", training.stepsPerStudentStep)
        try check(isInside(training.timesteps), "fakeScoreTraining.timesteps", timesteps, training.timesteps)
        try check(isInside(loss.timesteps), "loss.timesteps", timesteps, loss.timesteps)
    }
}
