import Autograd
import DiffusionModels
import Tensor

/// The networks that judge the student's noised pictures. All must be frozen while they judge.
public struct Judges {
    /// Knows the pictures.
    public let teacher: any NoisePredictor
    /// Knows what the student draws.
    public let fakeScore: any NoisePredictor
    /// Noise schedule and prediction type of both.
    public let schedule: NoiseSchedule
    /// What a loss may need besides.
    public let resources: DistillationResources
    /// Who draws, for losses that ask it again.
    public let student: OneStepStudent?

    /// Judges of these parts.
    public init(
        teacher: any NoisePredictor, fakeScore: any NoisePredictor, schedule: NoiseSchedule,
        resources: DistillationResources = DistillationResources(), student: OneStepStudent? = nil
    ) {
        (self.teacher, self.fakeScore, self.schedule) = (teacher, fakeScore, schedule)
        (self.resources, self.student) = (resources, student)
    }

    /// What the networks say of noised pictures, as far as a loss needs it. A network's passes go together.
    public func judge(_ drawn: DrawnSample, needs: LossNeeds) -> JudgedSample {
        judge(drawn, needs: needs, knowing: nil)
    }

    /// The same, with predictions taken from an earlier judgement of the batch where no Jacobian is needed.
    func judge(_ drawn: DrawnSample, needs: LossNeeds, knowing earlier: JudgedSample?) -> JudgedSample {
        let original = Variable.trainable(drawn.original)
        let noisy =
            drawn.noisedData.map { Variable($0) }
            ?? schedule.noisy(original, noise: drawn.noise, timesteps: drawn.timesteps)
        func judgement(
            of network: any NoisePredictor, _ passes: (LossNeeds, LossNeeds, jacobian: LossNeeds), _ known: Judgement?
        ) -> Judgement? {
            guard needs.contains(passes.0) else { return nil }
            if needs.contains(passes.jacobian) {
                return ask(network, drawn, noisy, isUnconditionalNeeded: needs.contains(passes.1))
            }
            let judgement =
                known ?? ask(network, drawn, noisy.detached(), isUnconditionalNeeded: needs.contains(passes.1))
            return judgement.detached()
        }
        return JudgedSample(
            judges: self, drawn: drawn, original: original, noisy: noisy,
            teacherJudgement: judgement(
                of: teacher, (.teacher, .unconditionalTeacher, .teacherJacobian), earlier?.teacherJudgement),
            fakeScoreJudgement: judgement(
                of: fakeScore, (.fakeScore, .unconditionalFakeScore, .fakeScoreJacobian), earlier?.fakeScoreJudgement))
    }

    private func ask(
        _ network: any NoisePredictor, _ drawn: DrawnSample, _ noisy: Variable, isUnconditionalNeeded: Bool
    ) -> Judgement {
        let timesteps = drawn.timesteps
        let conditions = isUnconditionalNeeded ? [drawn.condition, drawn.nullCondition] : [drawn.condition]
        let epsilons = network.predict(noisy, at: timesteps.map(Double.init), givenEach: conditions)
            .map { schedule.convert($0, to: .epsilon, noisy: noisy, timesteps: timesteps) }
        return Judgement(
            conditional: epsilons[0], unconditional: isUnconditionalNeeded ? epsilons[1] : nil, noisy: noisy,
            timesteps: timesteps, schedule: schedule)
    }
}

extension OneStepStudent {
    /// f(x_t, t): the network's x₀ at any timestep of its teacher's schedule.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one a sample.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    ///   - schedule: the teacher's.
    public func original(
        of noisy: Variable, at timesteps: [Int], given condition: Tensor, on schedule: NoiseSchedule
    ) -> Variable {
        let output = network.predict(noisy, at: timesteps.map(Double.init), given: condition)
        return schedule.convert(output, from: predictionType, to: .sample, noisy: noisy, timesteps: timesteps)
    }
}
