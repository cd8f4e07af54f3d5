import Autograd
import DiffusionModels
import Tensor

/// A network's prediction on x_t as ε, whatever its own prediction type, with and without the prompt.
public struct ScorePrediction {
    /// ε(x_t, t, c), `[batch, height, width, channels]`.
    public let conditional: Variable
    /// ε(x_t, t, ∅), of the same shape; nil unless the loss needs it.
    public let unconditional: Variable?
    let noisy: Variable
    let timesteps: [Int]
    let schedule: NoiseSchedule

    /// ε̂ = ε(∅) + κ (ε(c) − ε(∅)): scale 1 is the conditional prediction and needs no other, scale 0 the unconditional.
    public func epsilon(guidedBy scale: Double = 1) -> Variable {
        if scale == 1 { return conditional }
        guard let unconditional else {
            fatalError(
                "ScorePrediction.epsilon(guidedBy: \(scale)): the loss did not declare that it needs the unconditional")
        }
        return Guidance.combine(unconditional: unconditional, conditional: conditional, scale: scale)
    }

    /// f = (x_t − σ ε̂)/α, the guided prediction of x₀.
    public func original(guidedBy scale: Double = 1) -> Variable {
        schedule.convert(epsilon(guidedBy: scale), from: .epsilon, to: .sample, noisy: noisy, timesteps: timesteps)
    }

    /// s = −ε̂/σ, the guided score.
    public func score(guidedBy scale: Double = 1) -> Variable {
        -(epsilon(guidedBy: scale) / Variable(schedule.sigmas(timesteps)))
    }

    func detached() -> ScorePrediction {
        ScorePrediction(
            conditional: conditional.detached(), unconditional: unconditional?.detached(), noisy: noisy.detached(),
            timesteps: timesteps, schedule: schedule)
    }
}
