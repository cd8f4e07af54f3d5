import Autograd
import DiffusionModels
import Tensor

/// The input of a loss: a generated batch, noised, with the networks' predictions on it.
///
/// Everything is a variable of x̂₀. Predictions are constants, unless the loss declares that it needs a network's Jacobian.
public struct LossInput {
    /// The networks.
    public let networks: ScoreNetworks
    /// The generated batch.
    public internal(set) var batch: GeneratedBatch
    /// x̂₀, `[batch, height, width, channels]`.
    public let original: Variable
    /// x_t = α_t x̂₀ + σ_t ε.
    public let noisy: Variable
    let teacherPrediction: ScorePrediction?
    let fakeScorePrediction: ScorePrediction?
    let guidancePrediction: ScorePrediction?

    /// ε.
    public var noise: Variable { Variable(batch.noise) }
    /// t, one per sample.
    public var timesteps: [Int] { batch.timesteps }
    /// The teacher's noise schedule.
    public var schedule: NoiseSchedule { networks.schedule }
    /// α_t, `[batch, 1, 1, 1]`.
    public var alpha: Variable { Variable(schedule.alphas(timesteps)) }
    /// σ_t, `[batch, 1, 1, 1]`.
    public var sigma: Variable { Variable(schedule.sigmas(timesteps)) }
    /// Elements per sample. Multiply by it to convert a mean over elements to a mean over samples.
    public var elementCount: Float { Float(batch.original.count / max(batch.original.shape[0], 1)) }

    /// ε_T.
    public var teacher: ScorePrediction { declared(teacherPrediction, "teacher") }
    /// ε_F.
    public var fakeScore: ScorePrediction { declared(fakeScorePrediction, "fakeScore") }

    /// The teacher with and without the prompt on samples that are noised once more, at timesteps of
    /// ``DistillationLoss/guidanceTimesteps``: constants of x̂₀.
    public var guidance: ScorePrediction { declared(guidancePrediction, "guidance") }

    /// ω(t) per sample, `[batch, 1, 1, 1]`.
    public func weights(_ weight: TimestepWeight) -> Variable { weights(weight, at: timesteps) }

    /// ω(t) at the timesteps of ``guidance``, `[batch, 1, 1, 1]`.
    public func guidanceWeights(_ weight: TimestepWeight) -> Variable { weights(weight, at: guidance.timesteps) }

    private func weights(_ weight: TimestepWeight, at timesteps: [Int]) -> Variable {
        Variable(Tensor(perSample: timesteps.map { Float(weight($0, in: schedule)) }))
    }

    func declared<Part>(_ part: Part?, _ name: String) -> Part {
        guard let part else {
            fatalError("LossInput.\(name): the loss did not declare that it needs it, or it is missing")
        }
        return part
    }
}

extension LossInput {
    /// ∂ Σ objective / ∂x̂₀, for losses that are written as an objective. Samples are independent, so this is the gradient of each
    /// sample's objective.
    ///
    /// - Parameter objective: of any shape, computed from this input's variables; detach whatever must stay constant.
    ///
    /// The graph is freed, so an input gives only one gradient. An objective that does not depend on x̂₀ gives zero.
    public func gradient(of objective: Variable) -> Tensor {
        if objective.requiresGradient { objective.backward(from: .ones(objective.shape)) }
        return original.gradient ?? .zeros(original.shape)
    }

    /// The same batch for another loss, with a gradient of its own; networks are evaluated again if that loss needs their Jacobian. Throws
    /// as ``ScoreNetworks/evaluate(_:needs:)``.
    public func renewed(for needs: LossNeeds) throws -> LossInput {
        try networks.evaluate(batch, needs: needs, reusing: self)
    }
}

extension LossInput {
    /// D(x_t), the discriminator's logits, `[batch, 1, 1, 1]`; positive for real images. Throws ``DistillationError`` for logits of another
    /// shape.
    public func discriminatorLogits() throws -> Variable {
        try declared(networks.resources.discriminator, "discriminatorLogits()")
            .checkedLogits(of: noisy, at: timesteps, given: batch.condition)
    }

    /// Decoded images, nominally in −1…1, `[batch, height′, width′, 3]`. Throws `ModelError` for a decoder whose output has another shape.
    public func pictures(of latents: Variable) throws -> Variable {
        try declared(networks.resources.decoder, "pictures(of:)").checkedPictures(of: latents, channels: nil)
    }

    /// The reward of each generated image for its prompt, `[batch]`. Throws ``DistillationError`` for rewards of another shape, and as
    /// ``pictures(of:)``.
    public func rewards() throws -> Variable {
        let reward = declared(networks.resources.reward, "rewards()")
        let scores = reward.scores(of: try pictures(of: original), for: batch.prompts)
        try DistillationError.check(scores, shape: [batch.original.shape[0]], of: "\(type(of: reward)).scores")
        return scores
    }

    /// y, the pairs' images, `[batch, height, width, channels]`.
    public var targets: Variable { Variable(declared(batch.targets, "targets")) }

    /// The student's x̂₀ of other latents, a constant of x̂₀.
    ///
    /// - Parameters:
    ///   - noisy: `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///
    /// Throws `ModelError` for a student whose output has another shape.
    public func studentOriginal(of noisy: Tensor, at timesteps: [Int]) throws -> Tensor {
        try declared(networks.student, "studentOriginal(of:at:)")
            .original(of: Variable(noisy), at: timesteps, given: batch.condition, on: schedule).value
    }
}
