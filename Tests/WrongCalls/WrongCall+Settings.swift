import Autograd
import DiffusionModels
import Distillation
import SwiftBrushEvaluation
import SwiftBrushTeachers
import Tensor

extension WrongCall {
    /// Settings out of range: they are refused at construction, before any work.
    static let settings = optimizers + distillationSettings + teacherSettings + samplingSettings

    private static func parameters() -> [Parameter] {
        let set = ParameterSet()
        let parameter = set.scope.parameter("weight", shape: [2], initializer: .zeros)
        parameter.value = .zeros([2])
        return [parameter]
    }

    private static func adam(
        _ name: String, _ parts: String..., learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0
    ) -> WrongCall {
        WrongCall("Adam: \(name)", parts: ["Adam"] + parts) { _ in
            _ = try Adam(
                parameters(), learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay)
        }
    }

    private static let optimizers: [WrongCall] = [
        adam("learning rate NaN", "learningRate", "at least 0", "nan", learningRate: .nan),
        adam("learning rate negative", "learningRate", "at least 0", "-0.1", learningRate: -0.1),
        adam("learning rate infinite", "learningRate", "finite", "inf", learningRate: .infinity),
        adam("beta 1 of 1", "betas.0", "below 1", "1.0", betas: (1, 0.999)),
        adam("beta 2 negative", "betas.1", "from 0", "-0.5", betas: (0.9, -0.5)),
        adam("beta 2 NaN", "betas.1", "from 0", "nan", betas: (0.9, .nan)),
        adam("epsilon 0", "epsilon", "above 0", "0.0", epsilon: 0),
        adam("epsilon negative", "epsilon", "above 0", "-1e-08", epsilon: -1e-8),
        adam("epsilon NaN", "epsilon", "above 0", "nan", epsilon: .nan),
        adam("epsilon that is 0 in Float32", "epsilon", "above 0", "1e-60", epsilon: 1e-60),
        adam("weight decay -1", "weightDecay", "at least 0", "-1.0", weightDecay: -1),
        adam("weight decay NaN", "weightDecay", "at least 0", "nan", weightDecay: .nan),
        WrongCall("Adam: an average of other parameters", "Adam", "averages", "all 1", "0") { _ in
            let set = ParameterSet()
            set.scope.parameter("other", shape: [1], initializer: .zeros).value = .zeros([1])
            _ = try Adam(parameters(), learningRate: 1, averages: [ExponentialMovingAverage(of: set)])
        },
        WrongCall("SGD: learning rate negative", "SGD", "learningRate", "at least 0", "-1.0") { _ in
            _ = try SGD(parameters(), learningRate: -1)
        },
        WrongCall("SGD: momentum 1", "SGD", "momentum", "below 1", "1.0") { _ in
            _ = try SGD(parameters(), learningRate: 1, momentum: 1)
        },
        WrongCall("moving average: decay 2", "ExponentialMovingAverage", "decay", "0 to 1", "2.0") { _ in
            _ = try ExponentialMovingAverage(of: ParameterSet(), decay: 2)
        },
        WrongCall("moving average: decay NaN", "ExponentialMovingAverage", "decay", "0 to 1", "nan") { _ in
            _ = try ExponentialMovingAverage(of: ParameterSet(), decay: .nan)
        },
        WrongCall("clipped step: limit 0", "ClippedStep", "limit", "above 0", "0.0") { _ in
            _ = try ClippedStep(of: SGD(parameters(), learningRate: 1), limit: 0)
        },
        WrongCall("clipped step: limit NaN", "ClippedStep", "limit", "above 0", "nan") { _ in
            _ = try ClippedStep(of: SGD(parameters(), learningRate: 1), limit: .nan)
        },
        WrongCall("optimiser: a gradient of NaN", "gradients", "finite", "1") { _ in
            let all = parameters()
            all[0].isTrainable = true
            all[0].gradient = Tensor([.nan, 1], shape: [2])
            try SGD(all, learningRate: 1).step()
        },
        WrongCall("optimiser: an update that overflows", "update", "finite", "found 1") { _ in
            let all = parameters()
            all[0].isTrainable = true
            all[0].gradient = Tensor([3e38, 0], shape: [2])
            try SGD(all, learningRate: 10).step()
        },
        WrongCall("adapters: rank 0", "LowRankAdapterSet", "rank", "1 to 65536", "0") { _ in
            _ = try LowRankAdapterSet(rank: 0, alpha: 1)
        },
        WrongCall("adapters: alpha NaN", "LowRankAdapterSet", "alpha", "finite", "nan") { _ in
            _ = try LowRankAdapterSet(rank: 1, alpha: .nan)
        },
    ]

    /// A setting of a distillation, which is refused both by its own check and by a distiller.
    private static func distillation(
        _ name: String, _ parts: String..., change: @escaping @Sendable (inout DistillationConfiguration) -> Void
    ) -> WrongCall {
        WrongCall("distillation: \(name)", parts: parts) { _ in
            var settings = DistillationConfiguration()
            change(&settings)
            try settings.validate()
        }
    }

    private static let distillationSettings: [WrongCall] = [
        distillation("batch size 0", "batchSize", "1 to 4096", "0") { $0.batchSize = 0 },
        distillation("batch size huge", "batchSize", "1 to 4096", "\(Int.max)") { $0.batchSize = .max },
        distillation("student's learning rate NaN", "studentLearningRate", "0 to 1", "nan") {
            $0.studentLearningRate = .nan
        },
        distillation("fake score's learning rate negative", "fakeScoreLearningRate", "0 to 1", "-1.0") {
            $0.fakeScoreLearningRate = -1
        },
        distillation("warm-up of the learning rate negative", "learningRateSchedule.warmUp", "at least 0", "-5") {
            $0.learningRateSchedule = .constant(warmUp: -5)
        },
        distillation("total of the learning rate 0", "learningRateSchedule.total", "at least 1", "0") {
            $0.learningRateSchedule = .cosine(total: 0)
        },
        distillation("decay of the first moment 1", "firstMomentDecay", "below 1", "1.0") { $0.firstMomentDecay = 1 },
        distillation("decay of the second moment NaN", "secondMomentDecay", "below 1", "nan") {
            $0.secondMomentDecay = .nan
        },
        distillation("Adam's epsilon 0", "adamEpsilon", "above 0", "0.0") { $0.adamEpsilon = 0 },
        distillation("weight decay -1", "weightDecay", "0 to 1", "-1.0") { $0.weightDecay = -1 },
        distillation("clip norm 0", "gradientNormLimit", "positive", "0.0") { $0.gradientNormLimit = 0 },
        distillation("clip norm NaN", "gradientNormLimit", "positive", "nan") { $0.gradientNormLimit = .nan },
        distillation("rank 0", "adapterRank", "1 to 4096", "0") { $0.adapterRank = 0 },
        distillation("rank negative", "adapterRank", "1 to 4096", "-3") { $0.adapterRank = -3 },
        distillation("alpha infinite", "adapterAlpha", "finite", "inf") { $0.adapterAlpha = .infinity },
        distillation("warm-up steps negative", "fakeScoreWarmUpSteps", "0 to", "-1") { $0.fakeScoreWarmUpSteps = -1 },
        distillation("alpha-bar 0", "studentCumulativeAlpha", "1e-12 to 1", "0.0") { $0.studentCumulativeAlpha = 0 },
        distillation("alpha-bar above 1", "studentCumulativeAlpha", "1e-12 to 1", "1.5") {
            $0.studentCumulativeAlpha = 1.5
        },
        distillation("decay of the average 2", "averageDecay", "0 to 1", "2.0") { $0.averageDecay = 2 },
        distillation("decay of the average NaN", "averageDecay", "0 to 1", "nan") { $0.averageDecay = .nan },
        distillation("rate of empty prompts 1.5", "nullPromptRate", "0 to 1", "1.5") {
            $0.fakeScoreTraining.nullPromptRate = 1.5
        },
        distillation(
            "guidance of the fake score 1e300", "fakeScoreTraining.guidanceScale", "-1000.0 to 1000.0", "1e+300"
        ) {
            $0.fakeScoreTraining.guidanceScale = 1e300
        },
        distillation("updates per step negative", "updatesPerStudentUpdate", "0 to 1000", "-1") {
            $0.fakeScoreTraining.updatesPerStudentUpdate = -1
        },
        distillation("weight of the discriminator NaN", "discriminatorWeight", "finite", "nan") {
            $0.fakeScoreTraining.discriminatorWeight = .nan
        },
        WrongCall("distillation: a timestep outside the schedule", "studentTimestep", "0 to 999", "1000") { _ in
            var settings = DistillationConfiguration()
            try settings.setStudentTimestep(1000, on: .scaledLinear())
        },
        WrongCall("one step: alpha-bar 0", "cumulativeAlpha", "1e-12 to 1", "0.0") { _ in
            _ = try OneStepConfiguration(timestep: 999, cumulativeAlpha: 0)
        },
        WrongCall("one step: alpha-bar NaN", "cumulativeAlpha", "1e-12 to 1", "nan") { _ in
            _ = try OneStepConfiguration(timestep: 999, cumulativeAlpha: .nan)
        },
        WrongCall("one step: timestep negative", "timestep", "0 to", "-1") { _ in
            _ = try OneStepConfiguration(timestep: -1, cumulativeAlpha: 0.5)
        },
        WrongCall("one step: more steps than timesteps", "count", "1 to 1000", "1001") { _ in
            _ = try OneStepConfiguration.swiftBrush.dividedEvenly(into: 1001, of: .scaledLinear())
        },
        WrongCall("one step: followed by itself", "smaller timestep", "999") { _ in
            _ = try OneStepConfiguration.swiftBrush.followed(by: [.swiftBrush])
        },
        WrongCall("one step: sampled in two steps", "count", "1 to 1", "2") { bench in
            _ = try bench.student.pictures(for: ["a"], seed: 0, steps: 2)
        },
        WrongCall("attention guidance: scale NaN", "scale", "-100 to 100", "nan") { bench in
            _ = try bench.student.avoiding("a", by: .normalized(scale: .nan))
        },
        WrongCall("attention guidance: subtracted 1000 times", "scale", "-100 to 100", "1000") { bench in
            _ = try bench.student.avoiding("a", by: .subtracted(scale: 1000))
        },
        WrongCall("attention guidance: a network without it", "model", "attention", "Own") { bench in
            _ = try bench.own().avoiding("a")
        },
        WrongCall("attention guidance: threshold 0", "threshold", "1e-06 to", "0.0") { bench in
            _ = try bench.student.avoiding("a", by: .normalized(threshold: 0))
        },
        distillation("a student of no steps", "studentStepCount", "1 to 1000", "0") { $0.studentStepCount = 0 },
        WrongCall("one step: timestep outside the schedule", "timestep", "0 to 999", "1000") { _ in
            _ = try OneStepConfiguration(timestep: 1000, of: .scaledLinear())
        },
    ]

    /// A setting of a teacher's training.
    private static func teacher(
        _ name: String, _ parts: String..., change: @escaping @Sendable (inout TeacherTrainingConfiguration) -> Void
    ) -> WrongCall {
        WrongCall("teacher: \(name)", parts: parts) { _ in
            var settings = TeacherTrainingConfiguration()
            change(&settings)
            try settings.validate()
        }
    }

    private static let teacherSettings: [WrongCall] = [
        teacher("batch size 0", "batchSize", "1 to 4096", "0") { $0.batchSize = 0 },
        teacher("iterations negative", "iterations", "1 to", "-1") { $0.iterations = -1 },
        teacher("learning rate infinite", "learningRate", "0 to 1", "inf") { $0.learningRate = .infinity },
        teacher("warm-up negative", "warmUp", "at least 0", "-1") { $0.warmUp = -1 },
        teacher("weight decay NaN", "weightDecay", "0 to 1", "nan") { $0.weightDecay = .nan },
        teacher("clip norm negative", "gradientNormLimit", "positive", "-1.0") { $0.gradientNormLimit = -1 },
        teacher("decay of the average 2", "averageDecay", "0 to 1", "2.0") { $0.averageDecay = 2 },
        teacher("largest weight infinite", "noise.largestWeight", "finite", "inf") {
            $0.noise.largestWeight = .infinity
        },
        teacher("share of high noise 2", "noise.highShare", "0 to 1", "2.0") { $0.noise.highShare = 2 },
        teacher("begin of high noise NaN", "noise.high", "0 to", "nan") { $0.noise.high = .nan },
        teacher("rate of empty captions -1", "captions.emptyRate", "0 to 1", "-1.0") { $0.captions.emptyRate = -1 },
        teacher("keywords per caption 0", "captions.largestKeywordCount", "1 to", "0") {
            $0.captions.largestKeywordCount = 0
        },
        WrongCall("autoencoder: weight of the edges NaN", "edgeErrorWeight", "at least 0", "nan") { _ in
            var settings = AutoencoderTrainingConfiguration()
            settings.edgeErrorWeight = .nan
            try settings.validate()
        },
        WrongCall("autoencoder: learning rate 2", "learningRate", "0 to 1", "2.0") { _ in
            var settings = AutoencoderTrainingConfiguration()
            settings.learningRate = 2
            try settings.validate()
        },
    ]

    private static func schedule(_ name: String, _ parts: String..., from: Double, to: Double, timesteps: Int = 1000)
        -> WrongCall
    {
        WrongCall("schedule: \(name)", parts: parts) { _ in
            _ = try NoiseSchedule.scaledLinear(from: from, to: to, timesteps: timesteps)
        }
    }

    private static let samplingSettings: [WrongCall] = [
        schedule("no timesteps", "num_train_timesteps", "1 to", "0", from: 0.1, to: 0.2, timesteps: 0),
        schedule("timesteps negative", "num_train_timesteps", "1 to", "-1", from: 0.1, to: 0.2, timesteps: -1),
        schedule("timesteps huge", "num_train_timesteps", "1 to", "\(Int.max)", from: 0.1, to: 0.2, timesteps: .max),
        schedule("beta above 1", "beta_end", "0.999999", "1.5", from: 0.1, to: 1.5),
        schedule("beta NaN", "beta_start", "0.999999", "not JSON", from: .nan, to: 0.2),
        WrongCall("schedule: too few explicit betas", "trained_betas", "1000 numbers") { _ in
            var configuration = NoiseSchedule.Configuration()
            configuration.trainedBetas = [0.1, 0.2]
            _ = try NoiseSchedule(configuration)
        },
    ]
}
