import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// The settings of a run apart from its loss, with the defaults of SwiftBrush's README command.
public struct DistillationConfiguration: Codable, Sendable, Equatable {
    /// Images per step.
    public var batchSize = 16
    /// The number of parts in which a step computes its gradients, one after the other or each in a process of its own: gradient
    /// accumulation. Parts need less memory, and the result depends on their number in its last bits.
    public var accumulatedParts: Int {
        get { accumulate ?? 1 }
        set { accumulate = newValue == 1 ? nil : newValue }
    }
    /// Nil for one part, as in the settings of runs that had no parts.
    private var accumulate: Int?
    /// The type as which processes send gradients.
    public var gradientType: GradientType {
        get { gradients ?? .float32 }
        set { gradients = newValue == .float32 ? nil : newValue }
    }
    /// Nil for Float32, which runs of earlier versions do not record.
    private var gradients: GradientType?
    /// The seed of all random streams.
    public var seed: UInt64 = 0

    /// The student's learning rate.
    public var studentLearningRate = 1e-6
    /// The fake score's learning rate.
    public var fakeScoreLearningRate = 1e-3
    /// The schedule of both learning rates over the run.
    public var learningRateSchedule = LearningRateSchedule.constant()
    /// Steps of linear warm-up of the student's learning rate from 0, counted from its first update; nil for none. The schedule's factor
    /// comes on top.
    public var studentLearningRateWarmUp: Int?
    /// Steps of linear warm-up of the fake score's learning rate from 0; nil for none. The schedule's factor comes on top.
    public var fakeScoreLearningRateWarmUp: Int?
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

    /// How per-sample gradients are reduced over the batch.
    public var gradientReduction = GradientReduction.elements

    /// Which weights of the fake score are trained.
    public var fakeScoreWeights = FakeScoreWeights.adapters
    /// The rank of the fake score's adapters.
    public var adapterRank = 64
    /// The adapters' scale times their rank.
    public var adapterAlpha = 108.0
    /// The linear layers to adapt, by suffixes of their paths.
    public var adapterTargets = ["to_q", "to_v"]
    /// How the fake score is trained.
    public var fakeScoreTraining = FakeScoreTraining()
    /// λ of implicit distribution alignment (SenseFlow, arXiv 2506.00523; 0.97 is usual): after each update of the student, φ ← λ φ + (1 − λ) θ.
    /// A copy becomes a moving average of the student that is trained; adapters approach the student as far as their rank allows. Nil for none.
    public var fakeScoreAlignment: Double?
    /// Warm-up steps: only the fake score is updated. Until it fits the student's samples, the difference of the two predictions is
    /// noise, which Adam scales to the size of any gradient.
    public var fakeScoreWarmUpSteps = 0

    /// Every so many steps, the fake score's error is also measured on samples as old: see ``DistillationStep/fakeScoreErrors``. Nil for never.
    public var lagInterval: Int?

    /// The timestep T passed to the student.
    public var studentTimestep = 999
    /// ᾱ_T in the student's x̂₀ = (z − σ_T ε)/α_T. The schedule's own is 0.00466; the official code rounds it.
    public var studentCumulativeAlpha = 0.0047
    /// σ_T for a schedule that does not keep the variance, such as flow matching's; nil for √(1 − ᾱ_T).
    public var studentSigma: Double?
    /// The largest number of steps in which the student can be sampled. With more than one, they are evenly spaced from ``studentTimestep``; each
    /// step of the run draws one of them, generates with the student up to there, and trains its output (backward simulation, DMD2, arXiv
    /// 2405.14867). Such a student can be sampled in any smaller number of steps too.
    public var studentStepCount: Int {
        get { studentSteps ?? 1 }
        set { studentSteps = newValue == 1 ? nil : newValue }
    }
    /// Nil for one step, as in the settings of runs that had no others.
    private var studentSteps: Int?
    /// Whether teacher and fake score are evaluated, and the fake score is trained, only at the timesteps between the drawn step's and the next
    /// one's (trajectory distribution matching, TDM, arXiv 2503.06674).
    public var matchesSegments: Bool {
        get { segments ?? false }
        set { segments = newValue ? true : nil }
    }
    /// Nil for false.
    private var segments: Bool?
    /// The adapters that are trained in place of all of the student's weights; nil for all weights.
    public var studentAdapters: StudentAdapters?
    /// The prediction type of the student's network; nil for the teacher's. With `sample` it predicts x̂₀ itself, which the paper
    /// shows to be worse: a copy of the teacher would have to learn another output first.
    public var studentPrediction: PredictionType?
    /// The largest decay of the student's moving average.
    public var averageDecay = 0.9999
    /// How the decay of the average depends on the number of updates.
    public var averageRule = ExponentialMovingAverage.Rule.warmingUp
    /// Whether the student's blocks are recomputed in the backward pass instead of keeping their intermediates (gradient checkpointing).
    public var recomputesBlocks = false

    /// The precision of the student's passes and their gradients; nil for `MatmulPrecision.current`. Weights, optimisers and averages are
    /// Float32 at any precision.
    public var studentPrecision: MatmulPrecision?
    /// The precision of the teacher's passes; nil for the student's.
    public var teacherPrecision: MatmulPrecision?
    /// The precision of the fake score's passes and their gradients; nil for the student's.
    public var fakeScorePrecision: MatmulPrecision?

    /// SwiftBrush's settings.
    public init() {}

    /// Sets the adapters' rank, and their alpha so that their scale stays the same.
    public mutating func setAdapterRank(_ rank: Int) {
        adapterAlpha *= Double(rank) / Double(adapterRank)
        adapterRank = rank
    }

    /// Sets the student's timestep, and ᾱ_T and σ_T to their values in a schedule. The current timestep keeps its ᾱ_T, except in flow
    /// matching.
    ///
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` for a timestep outside the schedule.
    public mutating func setStudentTimestep(_ timestep: Int, on schedule: NoiseSchedule) throws {
        guard schedule.cumulativeAlphas.indices.contains(timestep) else {
            throw DistillationError.invalidSetting(
                name: "studentTimestep", expected: "0 to \(schedule.timestepCount - 1)", found: "\(timestep)")
        }
        if timestep == studentTimestep, !schedule.isFlowMatching, studentSigma == nil { return }
        (studentTimestep, studentCumulativeAlpha) = (timestep, schedule.cumulativeAlphas[timestep])
        studentSigma = schedule.isFlowMatching ? schedule.sigma(timestep) : nil
    }

    /// Sets the number of updates of the fake score per update of the student; several get newly generated samples each.
    public mutating func setFakeScoreUpdates(_ count: Int) {
        fakeScoreTraining.updatesPerStudentUpdate = count
        if count > 1 { fakeScoreTraining.usesNewSamples = true }
    }

    /// SwiftBrush's settings, with the fake score trained as in the publication of a loss.
    public init(for loss: any DistillationLoss) {
        fakeScoreTraining = loss.usualFakeScoreTraining
    }

    /// The learning rates of a step, counted from 0.
    func learningRates(at step: Int) -> (student: Double, fakeScore: Double) {
        func factor(_ warmUp: Int?, from start: Int) -> Double {
            learningRateSchedule.factor(at: step)
                * LearningRateSchedule.constant(warmUp: warmUp ?? 0).factor(at: max(0, step - start))
        }
        return (
            studentLearningRate * factor(studentLearningRateWarmUp, from: fakeScoreWarmUpSteps),
            fakeScoreLearningRate * factor(fakeScoreLearningRateWarmUp, from: 0)
        )
    }
}
