import Autograd
import Tensor

/// A network together with all that stays the same from step to step: what samplers ask for x₀ and ε.
struct Denoiser {
    let network: any NoisePredictor
    let schedule: NoiseSchedule
    let condition: Tensor
    let guidance: Guidance?

    /// x₀ (clipped if the schedule's configuration says so) and ε of latents at one level.
    func predict(_ latents: Tensor, at point: SamplingPoint) -> (original: Tensor, epsilon: Tensor) {
        let timesteps = Array(repeating: point.timestep, count: latents.shape[0])
        let output =
            guidance?.predict(with: network, latents, at: timesteps, given: condition)
            ?? network.predict(Variable(latents), at: timesteps, given: condition).value
        let original = convert(output, to: .sample, latents, point.level)
        let epsilon = convert(output, to: .epsilon, latents, point.level)
        guard schedule.configuration.clipsSample else { return (original, epsilon) }
        let bound = Float(schedule.configuration.clippingRange)
        return (original.clamped(to: -bound...bound), epsilon)
    }

    private func convert(
        _ output: Tensor, to target: PredictionType, _ latents: Tensor, _ level: SignalLevel
    ) -> Tensor {
        let source = schedule.predictionType
        if source == target { return output }
        let weights = source.weights(to: target, alpha: level.alpha, sigma: level.sigma)
        return latents * Float(weights.noisy) + output * Float(weights.prediction)
    }
}
