import Autograd
import Tensor

/// A network that generates an image's latents from noise in one step: x̂₀ = (z − σ_T ε) / α_T.
///
/// It uses no guidance: the teacher's guidance is distilled into the student.
public struct OneStepStudent: Sendable {
    /// The denoising network.
    public let network: any DenoisingNetwork
    /// The timestep T passed to the network, and ᾱ_T.
    public let step: OneStepConfiguration
    /// The network's prediction type.
    public let predictionType: PredictionType

    /// A student that evaluates `network` at the timestep of `step`.
    public init(network: any DenoisingNetwork, step: OneStepConfiguration, predictionType: PredictionType = .epsilon) {
        (self.network, self.step, self.predictionType) = (network, step, predictionType)
    }

    /// The network's weights.
    public var parameters: ParameterSet { network.parameters }

    /// Generates the latents of images; gradients flow to the network's parameters and to the noise.
    ///
    /// - Parameters:
    ///   - noise: z ~ N(0, 1), `[batch, height, width, channels]`.
    ///   - condition: the text condition, one per sample.
    ///
    /// Throws ``ModelError`` for a network whose output does not have the noise's shape.
    public func generate(from noise: Variable, given condition: TextCondition) throws -> Variable {
        let timesteps = Array(repeating: Double(step.timestep), count: noise.shape[0])
        let output = try network.checkedPrediction(noise, at: timesteps, given: condition)
        return SignalLevel(cumulativeAlpha: step.cumulativeAlpha)
            .convert(output, from: predictionType, to: .sample, noisy: noise)
    }
}
