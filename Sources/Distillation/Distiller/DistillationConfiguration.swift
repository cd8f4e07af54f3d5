import Autograd
import DiffusionModels

/// The settings of a run besides its loss, with the defaults of SwiftBrush's README command.
public struct DistillationConfiguration: Codable, Sendable, Equatable {
    /// Pictures a step.
    public var batchSize = 16
    /// Of everything random.
    public var seed: UInt64 = 0

    /// The student's step size.
    public var studentLearningRate = 1e-6
    /// The fake score's step size.
    public var fakeScoreLearningRate = 1e-3
    /// The factor on both step sizes over the run.
    public var learningRateSchedule = LearningRateSchedule.constant()
    /// Adam's decay of the first moment.
    public var firstMomentDecay = 0.9
    /// Adam's decay of the second moment.
    public var secondMomentDecay = 0.999
    /// Adam's ε.
    public var adamEpsilon = 1e-8
    /// Decoupled weight decay.
    public var weightDecay = 0.0
    /// The largest global gradient norm of each network; larger ones are scaled down.
    public var gradientNormLimit = 1.0

    /// How the gradients of samples become one.
    public var gradientReduction = GradientReduction.elements

    /// What of the fake score is trained.
    public var fakeScoreWeights = FakeScoreWeights.adapters
    /// Inner width of the fake score's adapters.
    public var adapterRank = 64
    /// The adapters' scale times their rank.
    public var adapterAlpha = 108.0
    /// The linear layers that are adapted, by the ends of their paths.
    public var adapterTargets = ["to_q", "to_v"]
    /// How the fake score learns.
    public var fakeScoreTraining = FakeScoreTraining()
    /// The first steps, in which the fake score learns and the student stands still: until it knows the student, the difference
    /// of the two judgements is noise, which Adam makes as large as any gradient.
    public var fakeScoreWarmUpSteps = 0

    /// The timestep T that the student is told.
    public var studentTimestep = 999
    /// ᾱ_T in the student's x̂₀ = (z − σ_T ε)/α_T. The schedule's own is 0.00466; the official code rounds it.
    public var studentCumulativeAlpha = 0.0047
    /// What the student's network is asked for; nil for what the teacher's is. `sample` asks it for x̂₀ itself, which the paper
    /// shows to be worse: a copy of the teacher would have to learn another output first.
    public var studentPrediction: PredictionType?
    /// The largest decay of the student's moving average.
    public var averageDecay = 0.9999
    /// How that decay depends on the number of updates.
    public var averageRule = ExponentialMovingAverage.Rule.warmingUp
    /// Whether the student's blocks run again in the backward pass instead of keeping their intermediates.
    public var recomputesBlocks = false

    /// SwiftBrush's settings.
    public init() {}

    /// SwiftBrush's settings, with the fake score trained as the publication of a loss does.
    public init(for loss: any DistillationLoss) {
        fakeScoreTraining = loss.usualFakeScoreTraining
    }
}
