import Autograd
import DiffusionModels
import Tensor

/// The two networks that judge the student's noised pictures. Both must be frozen while they judge: they record nothing.
public struct Judges {
    /// Knows the pictures.
    public let teacher: any NoisePredictor
    /// Knows what the student draws.
    public let fakeScore: any NoisePredictor
    /// Noise schedule and prediction type of both.
    public let schedule: NoiseSchedule

    /// Judges of these parts.
    public init(teacher: any NoisePredictor, fakeScore: any NoisePredictor, schedule: NoiseSchedule) {
        (self.teacher, self.fakeScore, self.schedule) = (teacher, fakeScore, schedule)
    }

    /// What the networks say of noised pictures, as far as a loss needs it. A network's passes go as one batch.
    ///
    /// - Parameters:
    ///   - original: x̂₀, `[batch, height, width, channels]`.
    ///   - noise: ε, of the same shape.
    ///   - timesteps: t, one a sample.
    ///   - condition: the prompts' embeddings, `[batch, tokens, width]`.
    ///   - nullCondition: the empty prompt's, of the same shape.
    ///   - needs: the passes to make.
    public func judge(
        _ original: Tensor, noise: Tensor, timesteps: [Int], condition: Tensor, nullCondition: Tensor,
        needs: JudgementNeeds
    ) -> JudgedSample {
        let noisy = schedule.noisy(original, noise: noise, timesteps: timesteps)
        func ask(_ network: any NoisePredictor, isUnconditionalNeeded: Bool) -> Judgement {
            guard isUnconditionalNeeded else {
                return Judgement(conditional: epsilon(of: network, noisy, timesteps, condition))
            }
            let batch = original.shape[0]
            let both = epsilon(
                of: network, .concatenate([noisy, noisy], axis: 0), timesteps + timesteps,
                .concatenate([condition, nullCondition], axis: 0))
            return Judgement(
                conditional: both.sliced(axis: 0, 0..<batch), unconditional: both.sliced(axis: 0, batch..<2 * batch))
        }
        return JudgedSample(
            original: original, noise: noise, timesteps: timesteps, schedule: schedule,
            teacher: ask(teacher, isUnconditionalNeeded: needs.contains(.unconditionalTeacher)),
            fakeScore: needs.contains(.fakeScore)
                ? ask(fakeScore, isUnconditionalNeeded: needs.contains(.unconditionalFakeScore)) : nil)
    }

    private func epsilon(
        of network: any NoisePredictor, _ noisy: Tensor, _ timesteps: [Int], _ condition: Tensor
    ) -> Tensor {
        let output = network.predict(Variable(noisy), at: timesteps.map(Double.init), given: condition).value
        return schedule.convert(output, to: .epsilon, noisy: noisy, timesteps: timesteps)
    }
}
