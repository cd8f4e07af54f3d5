import ArgumentParser
import Autograd
import DiffusionModels
import Distillation
import SwiftBrushCommands
import Tensor

/// The settings of the fake score and of both optimisers.
struct TrainingOptions: ParsableArguments {
    @Option(help: "Images per step.") var batch = DistillationConfiguration().batchSize
    @Option(help: "The student's learning rate. Default: the recipe's, or 1e-06.") var studentLearningRate: Double?
    @Option(help: "The fake score's learning rate. Default: the recipe's, or 0.001.")
    var fakeScoreLearningRate: Double?
    @Option(help: "The schedule of both learning rates; cosine ends at 0. Default: the recipe's, or constant.")
    var learningRateSchedule: LearningRateDecay?
    @Option(help: "Steps over which the student's learning rate rises from 0, from its first update.")
    var studentLearningRateWarmUp: Int?
    @Option(help: "Steps over which the fake score's learning rate rises from 0.")
    var fakeScoreLearningRateWarmUp: Int?
    @Option(
        help:
            "Which fake-score weights to train: adapters of a frozen teacher, or a copy of it. Default: the recipe's, or adapters."
    )
    var fakeScore: FakeScoreWeights?
    @Option(help: "Updates of the fake score per update of the student; if several, each on newly generated samples.")
    var fakeScoreUpdates: Int?
    @Option(help: "The timesteps at which the fake score is trained, such as 0-999. Default: as published.")
    var fakeScoreTimesteps: TimestepRange?
    @Option(help: "The weight of a timestep in the fake score's loss. Default: the recipe's, or as published.")
    var fakeScoreWeight: TimestepWeight?
    @Option(
        help:
            "Alignment: after each update of the student, the fraction of the fake score's weights that is kept, such as 0.97."
    )
    var fakeScoreAlignment: Double?
    @Option(help: "Every so many steps, measure the fake score's error on the newest samples and on samples as old.")
    var lagInterval: Int?
    @Option(help: "Warm-up steps: only the fake score is updated.") var fakeScoreWarmUpSteps = 0
    @Option(
        help: "The adapters' rank; their scale is the recipe's, or 1.6875, at any rank. Default: the recipe's, or 64.")
    var rank: Int?
    @Option(
        parsing: .upToNextOption,
        help: "The layers that get adapters, by suffixes of their paths. Default: the recipe's, or to_q to_v.")
    var adapterTargets: [String] = []
    @Option(help: "The largest decay of the student's moving average. Default: the recipe's, or 0.9999.")
    var averageDecay: Double?
    @Flag(help: "Recompute the student's blocks in the backward pass instead of keeping their intermediates.")
    var recompute = false
    @Option(help: "The precision of the teacher's passes. Default: that of --precision.")
    var teacherPrecision: MatmulPrecision?
    @Option(help: "The precision of the fake score's passes. Default: that of --precision.")
    var fakeScorePrecision: MatmulPrecision?

    func validate() throws {
        try check("--fake-score-updates", fakeScoreUpdates, in: 1...1000)
        try check("--rank", rank, in: 1...4096)
    }

    /// The settings, except those that depend on the teacher.
    func settings(
        for loss: LossOptions, iterations: Int, seed: UInt64, precision: MatmulPrecision?, in processes: ProcessOptions
    ) throws -> DistillationConfiguration {
        var settings = try loss.settings(iterations: iterations)
        settings.batchSize = batch
        if let parts = processes.accumulate { settings.accumulatedParts = parts }
        settings.gradientType = processes.gradients
        if let studentLearningRate { settings.studentLearningRate = studentLearningRate }
        if let fakeScoreLearningRate { settings.fakeScoreLearningRate = fakeScoreLearningRate }
        if let learningRateSchedule { settings.learningRateSchedule = learningRateSchedule.schedule(iterations) }
        settings.studentLearningRateWarmUp = studentLearningRateWarmUp
        settings.fakeScoreLearningRateWarmUp = fakeScoreLearningRateWarmUp
        if let rank { settings.setAdapterRank(rank) }
        if !adapterTargets.isEmpty { settings.adapterTargets = adapterTargets }
        if let averageDecay { settings.averageDecay = averageDecay }
        settings.recomputesBlocks = recompute
        (settings.studentPrecision, settings.teacherPrecision) = (precision, teacherPrecision)
        settings.fakeScorePrecision = fakeScorePrecision
        settings.seed = seed
        if let fakeScore { settings.fakeScoreWeights = fakeScore }
        settings.fakeScoreWarmUpSteps = fakeScoreWarmUpSteps
        (settings.fakeScoreAlignment, settings.lagInterval) = (fakeScoreAlignment, lagInterval)
        if let fakeScoreTimesteps { settings.fakeScoreTraining.timesteps = fakeScoreTimesteps.range }
        if let fakeScoreWeight { settings.fakeScoreTraining.weight = fakeScoreWeight }
        if let fakeScoreUpdates { settings.setFakeScoreUpdates(fakeScoreUpdates) }
        return settings
    }
}

/// The decay of the learning rates over a run.
enum LearningRateDecay: String, ExpressibleByArgument, CaseIterable {
    case constant, cosine

    /// The schedule of a run of so many steps.
    func schedule(_ iterations: Int) -> LearningRateSchedule {
        switch self {
        case .constant: .constant()
        case .cosine: .cosine(total: max(iterations, 1))
        }
    }
}

extension FakeScoreWeights: ExpressibleByArgument {}
