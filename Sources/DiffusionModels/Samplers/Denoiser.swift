import Autograd
import Tensor

/// A network with everything that is the same at each step; it computes the predictions for a sampler.
struct Denoiser {
    let network: any DenoisingNetwork
    let predictionType: PredictionType
    let condition: TextCondition
    let guidance: Guidance?

    /// The network's prediction for latents at one sampling point.
    func predict(_ latents: Tensor, at point: SamplingPoint) throws -> NetworkPrediction {
        for condition in [condition] + (guidance.map { [$0.unconditional] } ?? []) { try network.check(condition) }
        let timesteps = Array(repeating: point.timestep, count: latents.shape[0])
        let output =
            try guidance?.predict(with: network, latents, at: timesteps, given: condition)
            ?? network.checkedPrediction(Variable(latents), at: timesteps, given: condition).value
        return NetworkPrediction(latents: latents, output: output, type: predictionType, point: point)
    }
}
