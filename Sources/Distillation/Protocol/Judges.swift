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

    /// What the networks say of noised pictures, as far as a loss needs it. All passes without a Jacobian go together.
    public func judge(_ drawn: DrawnSample, needs: LossNeeds) -> JudgedSample {
        judge(drawn, needs: needs, knowing: nil)
    }

    /// The same, with predictions taken from an earlier judgement of the batch where no Jacobian is needed.
    func judge(_ drawn: DrawnSample, needs: LossNeeds, knowing earlier: JudgedSample?) -> JudgedSample {
        let original = Variable.trainable(drawn.original)
        let noisy =
            drawn.noisedData.map { Variable($0) }
            ?? schedule.noisy(original, noise: drawn.noise, timesteps: drawn.timesteps)
        let teachers = Question(
            needs, .teacher, .unconditionalTeacher, .teacherJacobian, about: drawn, knowing: earlier?.teacherJudgement)
        let fakeScores = Question(
            needs, .fakeScore, .unconditionalFakeScore, .fakeScoreJacobian, about: drawn,
            knowing: earlier?.fakeScoreJudgement)
        let answers: (teacher: Judgement?, fakeScore: Judgement?)
        if case (.constants(let own), .constants(let other)) = (teachers, fakeScores) {
            let outputs = teacher.predict(
                noisy.detached(), at: drawn.timesteps.map(Double.init), givenEach: own, and: fakeScore,
                givenEach: other)
            answers = (
                judgement(outputs.own, drawn, noisy).detached(), judgement(outputs.other, drawn, noisy).detached()
            )
        } else {
            answers = (answer(teachers, of: teacher, drawn, noisy), answer(fakeScores, of: fakeScore, drawn, noisy))
        }
        return JudgedSample(
            judges: self, drawn: drawn, original: original, noisy: noisy, teacherJudgement: answers.teacher,
            fakeScoreJudgement: answers.fakeScore)
    }

    private func answer(
        _ question: Question, of network: any NoisePredictor, _ drawn: DrawnSample, _ noisy: Variable
    ) -> Judgement? {
        func ask(_ conditions: [Tensor], _ noisy: Variable) -> Judgement {
            judgement(
                network.predict(noisy, at: drawn.timesteps.map(Double.init), givenEach: conditions), drawn, noisy)
        }
        switch question {
        case .nothing: return nil
        case .known(let judgement): return judgement.detached()
        case .constants(let conditions): return ask(conditions, noisy.detached()).detached()
        case .variables(let conditions): return ask(conditions, noisy)
        }
    }

    private func judgement(_ outputs: [Variable], _ drawn: DrawnSample, _ noisy: Variable) -> Judgement {
        let epsilons = outputs.map {
            schedule.convert($0, to: .epsilon, noisy: noisy, timesteps: drawn.timesteps)
        }
        return Judgement(
            conditional: epsilons[0], unconditional: epsilons.count > 1 ? epsilons[1] : nil, noisy: noisy,
            timesteps: drawn.timesteps, schedule: schedule)
    }
}

/// What a network is asked about a batch.
private enum Question {
    case nothing
    /// It has answered before.
    case known(Judgement)
    /// Predictions for each of the conditions, as constants.
    case constants([Tensor])
    /// Predictions that depend on x̂₀.
    case variables([Tensor])

    init(
        _ needs: LossNeeds, _ prediction: LossNeeds, _ unconditional: LossNeeds, _ jacobian: LossNeeds,
        about drawn: DrawnSample, knowing earlier: Judgement?
    ) {
        guard needs.contains(prediction) else {
            self = .nothing
            return
        }
        let conditions =
            needs.contains(unconditional) ? [drawn.condition, drawn.nullCondition] : [drawn.condition]
        if needs.contains(jacobian) {
            self = .variables(conditions)
        } else {
            self = earlier.map { .known($0) } ?? .constants(conditions)
        }
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
