import Autograd
import Tensor

/// A network together with all that stays the same from step to step: what DDIM and DDPM ask for x₀ and ε.
struct Denoiser {
    let network: any NoisePredictor
    let schedule: NoiseSchedule
    let condition: Tensor
    let guidance: Guidance?

    /// x₀ (clipped if the schedule's configuration says so) and ε of latents at one timestep.
    func predict(_ latents: Tensor, at timestep: Int) -> (original: Tensor, epsilon: Tensor) {
        let timesteps = Array(repeating: timestep, count: latents.shape[0])
        let output =
            guidance?.predict(with: network, latents, at: timesteps, given: condition)
            ?? network.predict(Variable(latents), at: timesteps, given: condition).value
        let original = schedule.convert(output, to: .sample, noisy: latents, timesteps: timesteps)
        let epsilon = schedule.convert(output, to: .epsilon, noisy: latents, timesteps: timesteps)
        guard schedule.configuration.clipsSample else { return (original, epsilon) }
        let bound = Float(schedule.configuration.clippingRange)
        return (original.clamped(to: -bound...bound), epsilon)
    }
}
