import Autograd
import DiffusionModels
import Tensor

/// A batch that is judged: the student's pictures and everything that was drawn for them.
public struct DrawnSample: Sendable {
    /// x̂₀, what the student drew, `[batch, height, width, channels]`.
    public var original: Tensor
    /// ε, of the same shape.
    public var noise: Tensor
    /// t, one a sample.
    public var timesteps: [Int]
    /// The prompts' embeddings, `[batch, tokens, width]`.
    public var condition: Tensor
    /// The empty prompt's, `[1, tokens, width]` or one a sample.
    public var nullCondition: Tensor
    /// Which prompts, one a sample.
    public var prompts: [Int]
    /// x_t where it is not α_t x̂₀ + σ_t ε but noised data; see ``LossNeeds/noisedData``.
    public var noisedData: Tensor?
    /// The pairs' pictures; see ``LossNeeds/pairs``.
    public var targets: Tensor?
    /// Steps that the run has taken before.
    public var step = 0
    /// A stream of the loss's own, another at every step.
    public var stream = RandomStream(seed: 0)
    /// What the loss remembered at the step before; empty at the first.
    public var memory: [String: Tensor] = [:]

    /// A batch of these parts; what is left out is set afterwards.
    public init(
        original: Tensor, noise: Tensor, timesteps: [Int], condition: Tensor, nullCondition: Tensor,
        prompts: [Int] = []
    ) {
        (self.original, self.noise, self.timesteps) = (original, noise, timesteps)
        (self.condition, self.nullCondition, self.prompts) = (condition, nullCondition, prompts)
    }
}

/// A batch of the student's pictures, noised, with what the networks say of them.
///
/// Everything is a variable of x̂₀. Predictions are constants, unless the loss declares that it needs a network's Jacobian.
public struct JudgedSample {
    /// Who judged.
    public let judges: Judges
    /// What was judged.
    public internal(set) var drawn: DrawnSample
    /// x̂₀, `[batch, height, width, channels]`.
    public let original: Variable
    /// x_t = α_t x̂₀ + σ_t ε.
    public let noisy: Variable
    let teacherJudgement: Judgement?
    let fakeScoreJudgement: Judgement?

    /// ε.
    public var noise: Variable { Variable(drawn.noise) }
    /// t, one a sample.
    public var timesteps: [Int] { drawn.timesteps }
    /// The teacher's noise schedule.
    public var schedule: NoiseSchedule { judges.schedule }
    /// α_t, `[batch, 1, 1, 1]`.
    public var alpha: Variable { Variable(schedule.alphas(timesteps)) }
    /// σ_t, `[batch, 1, 1, 1]`.
    public var sigma: Variable { Variable(schedule.sigmas(timesteps)) }
    /// Numbers in one sample, by which a loss multiplies whose publication takes the mean over samples and not over
    /// elements.
    public var elementCount: Float { Float(drawn.original.count / max(drawn.original.shape[0], 1)) }

    /// ε_T.
    public var teacher: Judgement { declared(teacherJudgement, "teacher") }
    /// ε_F.
    public var fakeScore: Judgement { declared(fakeScoreJudgement, "fakeScore") }

    /// ω(t) of each sample, `[batch, 1, 1, 1]`.
    public func weights(_ weight: TimestepWeight) -> Variable {
        Variable(Tensor(timesteps.map { Float(weight($0, in: schedule)) }, shape: [timesteps.count, 1, 1, 1]))
    }

    func declared<Part>(_ part: Part?, _ name: String) -> Part {
        guard let part else {
            preconditionFailure("JudgedSample.\(name): the loss did not declare that it needs it, or it is not there")
        }
        return part
    }
}

extension JudgedSample {
    /// ∂ Σ objective / ∂x̂₀: how a loss that is written as an objective becomes a gradient. Samples do not touch each other, so
    /// it is each sample's own.
    ///
    /// - Parameter objective: of any shape, made of this sample's variables; what is not to be differentiated is detached.
    ///
    /// The graph is freed: a sample gives one gradient. An objective that does not depend on x̂₀ gives zero.
    public func gradient(of objective: Variable) -> Tensor {
        if objective.requiresGradient { objective.backward(from: .ones(objective.shape)) }
        return original.gradient ?? .zeros(original.shape)
    }

    /// The same batch for another loss: with a gradient of its own, and judged again where that loss needs a Jacobian.
    public func renewed(for needs: LossNeeds) -> JudgedSample { judges.judge(drawn, needs: needs, knowing: self) }
}

extension JudgedSample {
    /// D(x_t), the discriminator's logits, `[batch, 1, 1, 1]`; positive for real pictures.
    public func discriminatorLogits() -> Variable {
        declared(judges.resources.discriminator, "discriminatorLogits()")
            .logits(of: noisy, at: timesteps, given: drawn.condition)
    }

    /// Decoded pictures, nominally in −1…1, `[batch, height′, width′, 3]`.
    public func pictures(of latents: Variable) -> Variable {
        declared(judges.resources.decoder, "pictures(of:)").pictures(of: latents)
    }

    /// The reward of each of the student's pictures for its prompt, `[batch]`.
    public func rewards() -> Variable {
        declared(judges.resources.reward, "rewards()").scores(of: pictures(of: original), for: drawn.prompts)
    }

    /// y, the pairs' pictures, `[batch, height, width, channels]`.
    public var targets: Variable { Variable(declared(drawn.targets, "targets")) }

    /// The student's x̂₀ of other latents, a constant of x̂₀.
    ///
    /// - Parameters:
    ///   - noisy: `[batch, height, width, channels]`.
    ///   - timesteps: one a sample.
    public func studentOriginal(of noisy: Tensor, at timesteps: [Int]) -> Tensor {
        declared(judges.student, "studentOriginal(of:at:)")
            .original(of: Variable(noisy), at: timesteps, given: drawn.condition, on: schedule).value
    }
}
