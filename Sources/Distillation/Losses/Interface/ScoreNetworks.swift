import Autograd
import DiffusionModels
import Tensor

/// The networks whose predictions on noised samples a loss compares. All must be frozen while they are evaluated.
public struct ScoreNetworks {
    /// The frozen teacher.
    public let teacher: any DenoisingNetwork
    /// The fake score.
    public let fakeScore: any DenoisingNetwork
    /// The noise schedule and prediction type of both.
    public let schedule: NoiseSchedule
    /// Discriminator, decoder, reward and data, if the loss needs them.
    public let resources: DistillationResources
    /// The student, for losses that evaluate it again.
    public let student: OneStepStudent?
    /// The precision of the teacher's passes; nil for `MatmulPrecision.current`.
    public var teacherPrecision: MatmulPrecision?
    /// The precision of the fake score's passes; nil for `MatmulPrecision.current`.
    public var fakeScorePrecision: MatmulPrecision?

    /// The networks, and the resources and student that a loss may need besides.
    public init(
        teacher: any DenoisingNetwork, fakeScore: any DenoisingNetwork, schedule: NoiseSchedule,
        resources: DistillationResources = DistillationResources(), student: OneStepStudent? = nil
    ) {
        (self.teacher, self.fakeScore, self.schedule) = (teacher, fakeScore, schedule)
        (self.resources, self.student) = (resources, student)
    }

    /// Noises a batch and evaluates the networks on it, as far as `needs` says. All passes without a Jacobian are computed together.
    ///
    /// Throws `ModelError` for a network whose output does not have the batch's shape.
    public func evaluate(_ batch: GeneratedBatch, needs: LossNeeds) throws -> LossInput {
        try evaluate(batch, needs: needs, reusing: nil)
    }

    /// The same, with the predictions of an earlier evaluation of the batch where no Jacobian is needed.
    func evaluate(_ batch: GeneratedBatch, needs: LossNeeds, reusing earlier: LossInput?) throws -> LossInput {
        let original = Variable.trainable(batch.original)
        let noisy =
            batch.noisedData.map { Variable($0) }
            ?? schedule.noisy(original, noise: batch.noise, timesteps: batch.timesteps)
        let teacherPasses = NetworkPasses(
            needs, .teacher, .unconditionalTeacher, .teacherJacobian, on: batch, reusing: earlier?.teacherPrediction)
        let fakeScorePasses = NetworkPasses(
            needs, .fakeScore, .unconditionalFakeScore, .fakeScoreJacobian, on: batch,
            reusing: earlier?.fakeScorePrediction)
        let predictions: (teacher: ScorePrediction?, fakeScore: ScorePrediction?)
        let current = MatmulPrecision.current
        let precisions = (teacher: teacherPrecision ?? current, fakeScore: fakeScorePrecision ?? current)
        if case (.constants(let own), .constants(let other)) = (teacherPasses, fakeScorePasses),
            precisions.teacher == precisions.fakeScore
        {
            let outputs = precisions.teacher.within {
                teacher.predict(
                    noisy.detached(), at: batch.timesteps.map(Double.init), givenEach: own, and: fakeScore,
                    givenEach: other)
            }
            try teacher.checkOutputs(outputs.own, count: own.count, of: noisy)
            try fakeScore.checkOutputs(outputs.other, count: other.count, of: noisy)
            predictions = (
                prediction(outputs.own, batch.timesteps, noisy).detached(),
                prediction(outputs.other, batch.timesteps, noisy).detached()
            )
        } else {
            predictions = (
                try precisions.teacher.within { try run(teacherPasses, of: teacher, batch, noisy) },
                try precisions.fakeScore.within { try run(fakeScorePasses, of: fakeScore, batch, noisy) }
            )
        }
        let guidance =
            try earlier?.guidancePrediction
            ?? precisions.teacher.within { try batch.guidance.map { try self.guidance($0, batch) } }
        return LossInput(
            networks: self, batch: batch, original: original, noisy: noisy, teacherPrediction: predictions.teacher,
            fakeScorePrediction: predictions.fakeScore, guidancePrediction: guidance)
    }

    /// The teacher with and without the prompt on the batch, noised with other noise at other timesteps.
    private func guidance(_ again: GeneratedBatch.Renoising, _ batch: GeneratedBatch) throws -> ScorePrediction {
        let noisy = Variable(schedule.noisy(batch.original, noise: again.noise, timesteps: again.timesteps))
        let conditions = [batch.condition, batch.nullCondition]
        let outputs = teacher.predict(noisy, at: again.timesteps.map(Double.init), givenEach: conditions)
        try teacher.checkOutputs(outputs, count: conditions.count, of: noisy)
        return prediction(outputs, again.timesteps, noisy).detached()
    }

    /// The input of a loss on a batch whose predictions are known, as ε: constants of x̂₀.
    func input(
        _ batch: GeneratedBatch, teacher: (conditional: Variable?, unconditional: Variable?),
        fakeScore: (conditional: Variable?, unconditional: Variable?),
        guidance: (conditional: Variable?, unconditional: Variable?)
    ) -> LossInput {
        let original = Variable.trainable(batch.original)
        let noisy =
            batch.noisedData.map { Variable($0) }
            ?? schedule.noisy(original, noise: batch.noise, timesteps: batch.timesteps)
        func known(
            _ epsilons: (conditional: Variable?, unconditional: Variable?), _ noisy: Variable, _ timesteps: [Int]
        ) -> ScorePrediction? {
            epsilons.conditional.map {
                ScorePrediction(
                    conditional: $0, unconditional: epsilons.unconditional, noisy: noisy.detached(),
                    timesteps: timesteps, schedule: schedule)
            }
        }
        let again = batch.guidance.map {
            (Variable(schedule.noisy(batch.original, noise: $0.noise, timesteps: $0.timesteps)), $0.timesteps)
        }
        return LossInput(
            networks: self, batch: batch, original: original, noisy: noisy,
            teacherPrediction: known(teacher, noisy, batch.timesteps),
            fakeScorePrediction: known(fakeScore, noisy, batch.timesteps),
            guidancePrediction: again.flatMap { known(guidance, $0.0, $0.1) })
    }

    private func run(
        _ passes: NetworkPasses, of network: any DenoisingNetwork, _ batch: GeneratedBatch, _ noisy: Variable
    ) throws -> ScorePrediction? {
        func predict(_ conditions: [TextCondition], _ noisy: Variable) throws -> ScorePrediction {
            let outputs = network.predict(noisy, at: batch.timesteps.map(Double.init), givenEach: conditions)
            try network.checkOutputs(outputs, count: conditions.count, of: noisy)
            return prediction(outputs, batch.timesteps, noisy)
        }
        switch passes {
        case .none: return nil
        case .reused(let prediction): return prediction.detached()
        case .constants(let conditions): return try predict(conditions, noisy.detached()).detached()
        case .variables(let conditions): return try predict(conditions, noisy)
        }
    }

    private func prediction(_ outputs: [Variable], _ timesteps: [Int], _ noisy: Variable) -> ScorePrediction {
        let epsilons = outputs.map { schedule.convert($0, to: .epsilon, noisy: noisy, timesteps: timesteps) }
        return ScorePrediction(
            conditional: epsilons[0], unconditional: epsilons.count > 1 ? epsilons[1] : nil, noisy: noisy,
            timesteps: timesteps, schedule: schedule)
    }
}

/// The passes of one network that a loss needs.
private enum NetworkPasses {
    case none
    /// Predictions of an earlier evaluation.
    case reused(ScorePrediction)
    /// One per condition, constants of x̂₀.
    case constants([TextCondition])
    /// One per condition, with gradients to x̂₀.
    case variables([TextCondition])

    init(
        _ needs: LossNeeds, _ prediction: LossNeeds, _ unconditional: LossNeeds, _ jacobian: LossNeeds,
        on batch: GeneratedBatch, reusing earlier: ScorePrediction?
    ) {
        guard needs.contains(prediction) else {
            self = .none
            return
        }
        let conditions =
            needs.contains(unconditional) ? [batch.condition, batch.nullCondition] : [batch.condition]
        if needs.contains(jacobian) {
            self = .variables(conditions)
        } else {
            self = earlier.map { .reused($0) } ?? .constants(conditions)
        }
    }
}

extension OneStepStudent {
    /// f(x_t, t): the network's x₀ at any timestep of its teacher's schedule.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - condition: the text condition, one per sample.
    ///   - schedule: the teacher's.
    ///
    /// Throws `ModelError` for a network whose output does not have the shape of `noisy`.
    public func original(
        of noisy: Variable, at timesteps: [Int], given condition: TextCondition, on schedule: NoiseSchedule
    ) throws -> Variable {
        let output = try network.checkedPrediction(noisy, at: timesteps.map(Double.init), given: condition)
        return schedule.convert(output, from: predictionType, to: .sample, noisy: noisy, timesteps: timesteps)
    }
}
