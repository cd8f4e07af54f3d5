import Autograd
import Tensor

/// A network that makes the picture's latents of noise in one step: x̂₀ = (z − σ_T ε) / α_T.
///
/// There is no guidance: a one-step student has the teacher's guidance built in.
public struct OneStepStudent {
    /// The denoising network.
    public let network: any DenoisingNetwork
    /// The timestep T that the network is told, and ᾱ_T.
    public let step: OneStepConfiguration
    /// What the network's output stands for.
    public let predictionType: PredictionType

    /// A student that asks `network` at the timestep of `step`.
    public init(network: any DenoisingNetwork, step: OneStepConfiguration, predictionType: PredictionType = .epsilon) {
        (self.network, self.step, self.predictionType) = (network, step, predictionType)
    }

    /// The network's weights.
    public var parameters: ParameterSet { network.parameters }

    /// The latents of the pictures; gradients flow into the network's parameters and the noise.
    ///
    /// - Parameters:
    ///   - noise: z ~ N(0, 1), `[batch, height, width, channels]`.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    public func generate(from noise: Variable, given condition: Tensor) -> Variable {
        let timesteps = Array(repeating: Double(step.timestep), count: noise.shape[0])
        let output = network.predict(noise, at: timesteps, given: condition)
        return SignalLevel(cumulativeAlpha: step.cumulativeAlpha)
            .convert(output, from: predictionType, to: .sample, noisy: noise)
    }
}
