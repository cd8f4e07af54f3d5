import Autograd
import Tensor

/// A network together with all that stays the same from step to step: what samplers ask for predictions.
struct Denoiser {
    let network: any DenoisingNetwork
    let predictionType: PredictionType
    let condition: Tensor
    let guidance: Guidance?

    /// What the network makes of latents at one point.
    func predict(_ latents: Tensor, at point: SamplingPoint) -> NetworkPrediction {
        let timesteps = Array(repeating: point.timestep, count: latents.shape[0])
        let output =
            guidance?.predict(with: network, latents, at: timesteps, given: condition)
            ?? network.predict(Variable(latents), at: timesteps, given: condition).value
        return NetworkPrediction(latents: latents, output: output, type: predictionType, point: point)
    }
}
