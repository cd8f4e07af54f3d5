import DiffusionModels
import Tensor

/// A batch of the student's pictures, noised, with what the networks say of them.
public struct JudgedSample: Sendable {
    /// x̂₀, what the student drew, `[batch, height, width, channels]`.
    public let original: Tensor
    /// x_t = α_t x̂₀ + σ_t ε.
    public let noisy: Tensor
    /// ε.
    public let noise: Tensor
    /// t, one a sample.
    public let timesteps: [Int]
    /// The teacher's noise schedule.
    public let schedule: NoiseSchedule
    /// ε_T.
    public let teacher: Judgement
    /// ε_F; nil unless the loss needs it.
    public let fakeScore: Judgement?

    /// A batch of these parts; all tensors have the shape of `original`.
    public init(
        original: Tensor, noise: Tensor, timesteps: [Int], schedule: NoiseSchedule, teacher: Judgement,
        fakeScore: Judgement? = nil
    ) {
        self.original = original
        noisy = schedule.noisy(original, noise: noise, timesteps: timesteps)
        (self.noise, self.timesteps, self.schedule) = (noise, timesteps, schedule)
        (self.teacher, self.fakeScore) = (teacher, fakeScore)
    }

    /// ``fakeScore``, which a loss that declares it in its needs is given.
    public var requiredFakeScore: Judgement {
        guard let fakeScore else {
            preconditionFailure("JudgedSample: the loss did not declare that it needs fakeScore")
        }
        return fakeScore
    }
}

/// A network's noise prediction ε, whatever its own prediction type, with and without the prompt.
public struct Judgement: Sendable {
    /// ε(x_t, t, c), `[batch, height, width, channels]`.
    public let conditional: Tensor
    /// ε(x_t, t, ∅), of the same shape; nil unless the loss needs it.
    public let unconditional: Tensor?

    /// A judgement of these parts.
    public init(conditional: Tensor, unconditional: Tensor? = nil) {
        (self.conditional, self.unconditional) = (conditional, unconditional)
    }

    /// ε(∅) + κ (ε(c) − ε(∅)): scale 1 is the conditional prediction and needs no other.
    public func guided(by scale: Double) -> Tensor {
        if scale == 1 { return conditional }
        guard let unconditional else {
            preconditionFailure(
                "Judgement.guided(by: \(scale)): the loss did not declare that it needs the unconditional")
        }
        return Guidance.combine(unconditional: unconditional, conditional: conditional, scale: scale)
    }
}
