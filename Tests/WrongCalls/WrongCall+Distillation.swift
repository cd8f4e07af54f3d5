import Autograd
import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import Tensor

extension WrongCall {
    /// Distillers, their losses and what else they are made of.
    static let distillation: [WrongCall] = distillers + losses + resources + merging

    private static let distillers: [WrongCall] = [
        WrongCall("distiller: no prompts", "prompts", "at least one", "none") { bench in
            _ = try bench.distiller(prompts: [])
        },
        WrongCall("distiller: a teacher that is a student", "teacher", "multi-step", "one-step") { bench in
            _ = try Distiller(teacher: bench.student, prompts: ["a"])
        },
        WrongCall("distiller: an inpainting network", "teacher", "only latents and the prompt", "inpainting") { bench in
            _ = try Distiller(teacher: bench.relative { $0.inputChannels = 9 }, prompts: ["a"])
        },
        WrongCall("distiller: a start of another architecture", "start", "architecture", "another") { bench in
            _ = try Distiller(teacher: bench.teacher.get(), startingFrom: bench.own(), prompts: ["a"])
        },
        WrongCall("distiller: adapter targets that are misspelt", "\"to_qq\"", "not found") { bench in
            _ = try bench.distiller { $0.adapterTargets = ["to_qq"] }
        },
        WrongCall("distiller: no adapter targets", "at least one adapter target", "none") { bench in
            _ = try bench.distiller { $0.adapterTargets = [] }
        },
        WrongCall("distiller: an adapter target that is a norm", "\"norm1\"", "neither a linear layer nor") { bench in
            _ = try bench.distiller { $0.adapterTargets = ["norm1"] }
        },
        WrongCall("settings: adapter targets that are misspelt", "\"to_qq\"", "not found") { bench in
            var settings = DistillationConfiguration()
            settings.adapterTargets = ["to_qq"]
            try settings.checkAdapterTargets(on: bench.teacher.get().network)
        },
        WrongCall("distiller: timesteps of the fake score outside the schedule", "timesteps", "0..<1000", "0..<2000") {
            bench in
            _ = try bench.distiller { $0.fakeScoreTraining.timesteps = 0..<2000 }
        },
        WrongCall("distiller: no timesteps of the fake score", "timesteps", "0..<1000", "5..<5") { bench in
            _ = try bench.distiller { $0.fakeScoreTraining.timesteps = 5..<5 }
        },
        WrongCall("distiller: a rank of the largest integer", "adapterRank", "1 to 4096", "\(Int.max)") { bench in
            _ = try bench.distiller { $0.adapterRank = .max }
        },
        WrongCall("guidance distiller: no steps", "steps", "1 to 1000", "0") { bench in
            var settings = GuidanceDistillationSettings()
            settings.steps = 0
            _ = try GuidanceDistiller(teacher: bench.teacher.get(), prompts: ["a"], settings: settings)
        },
        WrongCall("guidance distiller: of a student", "a multi-step model", "one-step student") { bench in
            _ = try GuidanceDistiller(teacher: bench.teacher.get().untrainedStudent(), prompts: ["a"])
        },
        WrongCall("guidance distiller: no prompts", "at least one", "none") { bench in
            _ = try GuidanceDistiller(teacher: bench.teacher.get(), prompts: [])
        },
        WrongCall("distiller: student adapters of rank 0", "studentAdapters.rank", "1 to 4096", "0") { bench in
            _ = try bench.distiller { $0.studentAdapters = StudentAdapters(rank: 0) }
        },
        WrongCall("distiller: student adapters whose targets are misspelt", "\"to_qq\"", "not found") { bench in
            _ = try bench.distiller { $0.studentAdapters = StudentAdapters(targets: ["to_qq"]) }
        },
        WrongCall("distiller: student adapters of a student that predicts x0", "studentPrediction", "epsilon", "sample")
        {
            bench in
            _ = try bench.distiller { ($0.studentAdapters, $0.studentPrediction) = (StudentAdapters(), .sample) }
        },
        WrongCall("distiller: an alignment of 2", "fakeScoreAlignment", "0 to 1", "2") { bench in
            _ = try bench.distiller { $0.fakeScoreAlignment = 2 }
        },
        WrongCall("distiller: the fake score's lag every 0 steps", "lagInterval", "1 to", "0") { bench in
            _ = try bench.distiller { $0.lagInterval = 0 }
        },
        WrongCall("distiller: a warm-up of -1 steps", "studentLearningRateWarmUp", "0 to", "-1") { bench in
            _ = try bench.distiller { $0.studentLearningRateWarmUp = -1 }
        },
        WrongCall("recipe: a schedule without its timestep", "studentTimestep", "0 to 99", "625") { _ in
            _ = try DistillationRecipe.sidLSG.configuration(
                on: .scaledLinear(from: 0.00085, to: 0.012, timesteps: 100), iterations: 100)
        },
        WrongCall(
            "distiller: a network that returns fewer channels", "OwnNetwork.predict", "[2, 4, 4, 4]", "[2, 4, 4, 1]"
        ) { bench in
            let teacher = bench.own(network: { $0.sliced(axis: 3, 0..<1) }, isStudent: false)
            var settings = DistillationConfiguration()
            (settings.batchSize, settings.fakeScoreWeights) = (2, .copy)
            try Distiller(teacher: teacher, prompts: ["a"], configuration: settings).step()
        },
        WrongCall("distiller: a network that returns NaN", "step 1", "not finite") { bench in
            let teacher = bench.own(network: { $0 * .nan }, isStudent: false)
            var settings = DistillationConfiguration()
            (settings.batchSize, settings.fakeScoreWeights) = (2, .copy)
            try Distiller(teacher: teacher, prompts: ["a"], configuration: settings).step()
        },
        WrongCall("conditions: none", "PromptConditions", "[prompts, tokens, width]", "[0, 1, 2]") { _ in
            _ = try PromptConditions(
                TextCondition(tokens: .zeros([0, 1, 2])), null: TextCondition(tokens: .zeros([1, 1, 2])))
        },
        WrongCall("conditions: an empty prompt of another width", "PromptConditions", "[2, 1, 2] and [1, 1, 3]") { _ in
            _ = try PromptConditions(
                TextCondition(tokens: .zeros([2, 1, 2])), null: TextCondition(tokens: .zeros([1, 1, 3])))
        },
        WrongCall("fake score: rank 0", "adapterRank", "1 to 4096", "0") { bench in
            var stream = RandomStream(seed: 0)
            _ = try FakeScore(
                adapting: bench.teacher.get().network, rank: 0, alpha: 1, targets: ["to_q"], using: &stream)
        },
        WrongCall("fake score: alpha infinite", "adapterAlpha", "finite", "inf") { bench in
            var stream = RandomStream(seed: 0)
            _ = try FakeScore(
                adapting: bench.teacher.get().network, rank: 1, alpha: .infinity, targets: ["to_q"], using: &stream)
        },
    ]

    private static func loss(
        _ name: String, _ parts: String..., gradient: @escaping @Sendable (LossInput) throws -> Tensor
    ) -> WrongCall {
        WrongCall("loss: \(name)", parts: parts) { bench in
            try OwnLoss.withGradient(gradient) { _ = try bench.distiller(loss: OwnLoss()).step() }
        }
    }

    /// A loss with a setting out of range, which a distiller refuses before it computes anything.
    private static func setting(_ name: String, _ parts: String..., of loss: any DistillationLoss) -> WrongCall {
        WrongCall("loss: \(name)", parts: parts) { bench in _ = try bench.distiller(loss: loss) }
    }

    private static func changed<Loss: DistillationLoss>(_ loss: Loss, _ change: (inout Loss) -> Void) -> Loss {
        var loss = loss
        change(&loss)
        return loss
    }

    private static let losses: [WrongCall] = [
        loss("a gradient that is a scalar", "own", "[2, ", "[]") { $0.original.squared().mean().value },
        loss("a gradient of one sample", "own", "[2, ", "[1, ") { $0.original.value.sliced(axis: 0, 0..<1) },
        loss("a gradient of other axes", "own", "[2, ", "found") { $0.original.value.transposed([0, 3, 1, 2]) },
        loss("a gradient of NaN", "step 1", "gradient", "not finite") { $0.original.value * .nan },
        loss("a gradient that is infinite", "step 1", "gradient", "not finite") {
            Tensor(repeating: .infinity, shape: $0.original.shape)
        },
        loss("an error", "the loss's own error") { _ in throw OwnError() },
        setting(
            "guidance of 1e300", "variational-score-distillation.teacherGuidanceScale", "-1000.0 to 1000.0", "1e+300",
            of: VariationalScoreDistillation(guidanceScale: 1e300)),
        setting(
            "guidance of NaN", "GuidanceScale", "-1000.0 to 1000.0", "nan",
            of: ScoreIdentityDistillation.longShortGuidance(.nan)),
        setting(
            "guidance of both parts", "GuidanceScale", "-1000.0 to 1000.0", "1e+300",
            of: CombinedLoss(PairRegression(), changed(DiffInstruct()) { $0.teacherGuidanceScale = 1e300 })),
        setting(
            "an infinite range of guidance", "guidanceScales", "-1000.0 to 1000.0", "inf",
            of: changed(RandomGuidanceDistillation()) { $0.guidanceScales = 1 ... .infinity }),
        setting(
            "a weight of NaN", "weight", "-1000000.0 to", "nan", of: changed(PairRegression()) { $0.weight = .nan }),
        setting(
            "timesteps outside the schedule", "loss.timesteps", "0..<1000", "0..<1001",
            of: changed(VariationalScoreDistillation()) { $0.timesteps = 0..<1001 }),
        setting(
            "guidance timesteps outside the schedule", "loss.guidanceTimesteps", "0..<1000", "-1..<9",
            of: changed(VariationalScoreDistillation()) { $0.guidanceTimesteps = -1..<9 }),
        setting(
            "no timesteps", "loss.timesteps", "0..<1000", "7..<7",
            of: changed(VariationalScoreDistillation()) { $0.timesteps = 7..<7 }),
        setting("pairs that are missing", "resources", "pairs", "none", of: PairRegression()),
        setting("a reward that is missing", "resources", "reward", "none", of: AlignmentTerm()),
        setting("real latents that are missing", "resources", "realLatents", "none", of: AdversarialTerm()),
    ]

    private static func resources(
        _ name: String, _ parts: String..., loss: any DistillationLoss,
        make: @escaping @Sendable (Workbench) throws -> DistillationResources
    ) -> WrongCall {
        WrongCall("resources: \(name)", parts: parts) { bench in
            var settings = DistillationConfiguration()
            (settings.batchSize, settings.adapterRank) = (2, 2)
            let distiller = try Distiller(
                teacher: bench.teacher.get(), loss: loss, prompts: ["a", "b"], configuration: settings,
                resources: make(bench))
            try distiller.step()
        }
    }

    /// The shape of the small teacher's latents.
    private static func latents(_ bench: Workbench, _ count: Int) throws -> Tensor {
        let model = try bench.teacher.get()
        return .zeros([count, model.latentSize.height, model.latentSize.width, model.network.latentChannels])
    }

    private static let resources: [WrongCall] = [
        resources("pairs of another size", "resources.pairs", "latents of", "[2, 2, 4]", loss: PairRegression()) { _ in
            var resources = DistillationResources()
            resources.pairs = try TeacherPairs(
                noise: .zeros([1, 2, 2, 4]), pictures: .zeros([1, 2, 2, 4]), prompts: [0])
            return resources
        },
        resources("pairs of prompts that there are not", "resources.pairs", "0..<2", "[5]", loss: PairRegression()) {
            bench in
            var resources = DistillationResources()
            let latents = try latents(bench, 1)
            resources.pairs = try TeacherPairs(noise: latents, pictures: latents, prompts: [5])
            return resources
        },
        resources("rewards of another shape", "OwnReward.scores", "[2]", "[]", loss: AlignmentTerm()) { _ in
            var resources = DistillationResources()
            resources.reward = OwnReward()
            return resources
        },
        resources("logits of another shape", "OwnDiscriminator.logits", "[2, 1, 1, 1]", "[2]", loss: AdversarialTerm())
        { bench in
            var resources = DistillationResources()
            resources.discriminator = OwnDiscriminator()
            resources.realLatents = try RealLatents(latents: latents(bench, 1), prompts: [0])
            return resources
        },
        WrongCall("pairs generated: no prompts", "prompts", "at least one", "none") { bench in
            _ = try TeacherPairs(
                generatedBy: bench.teacher.get(), prompts: [], count: 1, steps: 1, guidanceScale: 1, seed: 0)
        },
        WrongCall("pairs generated: none", "count", "at least 1", "0") { bench in
            _ = try TeacherPairs(
                generatedBy: bench.teacher.get(), prompts: ["a"], count: 0, steps: 1, guidanceScale: 1, seed: 0)
        },
        WrongCall("pairs generated: a negative number", "count", "at least 1", "-1") { bench in
            _ = try DistillationResources(generatedBy: bench.teacher.get(), for: .pairs, prompts: ["a"], count: -1)
        },
        WrongCall("pairs generated: no steps", "steps", "at least 1", "0") { bench in
            _ = try TeacherPairs(
                generatedBy: bench.teacher.get(), prompts: ["a"], count: 1, steps: 0, guidanceScale: 1, seed: 0)
        },
        WrongCall("pairs generated: by a student", "one-step student") { bench in
            _ = try TeacherPairs(
                generatedBy: bench.student, prompts: ["a"], count: 1, steps: 1, guidanceScale: 1, seed: 0)
        },
        WrongCall("reward: a negative number of steps", "training.steps", "0 to", "-1") { bench in
            var training = ContrastiveReward.Training()
            training.steps = -1
            try reward(bench, training)
        },
        WrongCall("reward: a batch of 0", "training.batchSize", "1 to", "0") { bench in
            var training = ContrastiveReward.Training()
            training.batchSize = 0
            try reward(bench, training)
        },
        WrongCall("reward: a temperature of 0", "training.temperature", "1e-6 to", "0.0") { bench in
            var training = ContrastiveReward.Training()
            training.temperature = 0
            try reward(bench, training)
        },
    ]

    private static func reward(_ bench: Workbench, _ training: ContrastiveReward.Training) throws {
        let (model, latents) = (try bench.teacher.get(), try latents(bench, 1))
        _ = try ContrastiveReward(
            learnedFrom: TeacherPairs(noise: latents, pictures: latents, prompts: [0]), decoder: model.decoder,
            conditions: PromptConditions(["a"], in: model.embeddings(for: ["a", ""])), training: training)
    }

    private static let merging: [WrongCall] = [
        WrongCall("merging: a share of NaN", "share", "finite", "nan") { bench in
            _ = try bench.student.merged(with: bench.student, share: .nan)
        },
        WrongCall("merging: with another architecture", "parameters", "names") { bench in
            _ = try bench.student.merged(with: bench.own())
        },
        WrongCall("merging: with a multi-step model", "oneStep", "expected", "found") { bench in
            _ = try bench.student.merged(with: bench.teacher.get())
        },
        WrongCall("sheet: no prompts", "prompts", "at least one", "none") { bench in
            _ = try bench.student.sheet(beside: bench.teacher.get(), prompts: [], steps: 1, guidanceScale: 1)
        },
        WrongCall("contract: a teacher without a distribution", "checks failed") { _ in
            try contract(
                LossContract(VariationalScoreDistillation(), data: LinearGaussian(mean: .nan, deviation: .nan)))
        },
        WrongCall("contract: a teacher with a negative deviation", "checks failed") { _ in
            try contract(LossContract(ScoreDistillationSampling(), data: LinearGaussian(mean: 0, deviation: -1e30)))
        },
        WrongCall("contract: timesteps outside the schedule", "checks failed") { _ in
            try contract(LossContract(changed(VariationalScoreDistillation()) { $0.timesteps = 0..<2000 }))
        },
        WrongCall("contract: no timesteps", "checks failed") { _ in
            try contract(LossContract(changed(VariationalScoreDistillation()) { $0.timesteps = 3..<3 }))
        },
        WrongCall("particles: no components", "data", "at least one", "none") { _ in
            _ = try ParticleRun(VariationalScoreDistillation(), towards: []).run()
        },
        WrongCall("particles: none", "count", "1 to", "0") { _ in
            var run = ParticleRun(VariationalScoreDistillation(), towards: ParticleRun.ring)
            run.count = 0
            _ = try run.run()
        },
        WrongCall("particles: a negative number of steps", "steps", "0 to", "-1") { _ in
            var run = ParticleRun(VariationalScoreDistillation(), towards: ParticleRun.ring)
            run.steps = -1
            _ = try run.run()
        },
        WrongCall("contract: a gradient that is a scalar", "checks failed") { _ in
            try OwnLoss.withGradient({ $0.original.mean().value }) { try contract(LossContract(OwnLoss())) }
        },
        WrongCall("contract: a loss that throws", "checks failed") { _ in
            try OwnLoss.withGradient({ _ in throw OwnError() }) { try contract(LossContract(OwnLoss())) }
        },
    ]

    /// A contract reports a loss or a teacher that is wrong instead of throwing.
    private static func contract(_ contract: LossContract) throws {
        let report = contract.run()
        if !report.passed { throw FailedContract(count: report.failures.count) }
    }

    private struct FailedContract: Error, CustomStringConvertible {
        let count: Int
        var description: String { "\(count) checks failed" }
    }
}

/// A loss whose gradient is any function of its input.
struct OwnLoss: DistillationLoss {
    static let name = "own"
    private static let current = Lock<(@Sendable (LossInput) throws -> Tensor)?>(nil)

    /// Runs `body` with this gradient for all losses of the type, which is saved without one.
    static func withGradient(_ gradient: @escaping @Sendable (LossInput) throws -> Tensor, _ body: () throws -> Void)
        rethrows
    {
        current.withLock { $0 = gradient }
        defer { current.withLock { $0 = nil } }
        try body()
    }

    var needs: LossNeeds { .teacher }
    var timesteps: Range<Int> { 20..<980 }

    func gradient(_ input: LossInput) throws -> LossGradient {
        LossGradient(try Self.current.withLock { $0 }?(input) ?? input.original.value)
    }
}

struct OwnError: Error, CustomStringConvertible {
    var description: String { "the loss's own error" }
}

private struct OwnReward: ImageTextReward {
    func scores(of pictures: Variable, for prompts: [Int]) -> Variable { pictures.mean() }
}

private struct OwnDiscriminator: Discriminator {
    let parameters = ParameterSet()

    func logits(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable {
        noisy.mean(alongAxes: [1, 2, 3])
    }
}
