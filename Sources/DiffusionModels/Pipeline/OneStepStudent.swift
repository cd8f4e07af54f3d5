import Autograd
import Tensor

/// A network that generates an image's latents from noise in one step: x̂₀ = (z − σ_T ε) / α_T. A student of several steps noises its
/// output to the level of the next step and evaluates the network again.
///
/// It uses no guidance: the teacher's guidance is distilled into the student.
public struct OneStepStudent: Sendable {
    /// The denoising network.
    public let network: any DenoisingNetwork
    /// The timestep T passed to the network, ᾱ_T, and those of the steps that may follow.
    public let step: OneStepConfiguration
    /// The network's prediction type.
    public let predictionType: PredictionType
    /// The network's adapters, if they are the student's weights; nil for a student of its own weights.
    public let adapters: LowRankAdapterSet?

    /// A student that evaluates `network` at the timestep of `step`, and at those of its later steps.
    public init(
        network: any DenoisingNetwork, step: OneStepConfiguration, predictionType: PredictionType = .epsilon,
        adapters: LowRankAdapterSet? = nil
    ) {
        (self.network, self.step, self.predictionType) = (network, step, predictionType)
        self.adapters = adapters
    }

    /// The student's weights: the network's, or those of its ``adapters``.
    public var parameters: ParameterSet { adapters?.parameters ?? network.parameters }

    /// Generates the latents of images in one step; gradients flow to the student's parameters and to the noise.
    ///
    /// - Parameters:
    ///   - noise: z ~ N(0, 1), `[batch, height, width, channels]`.
    ///   - condition: the text condition, one per sample.
    ///
    /// Throws ``ModelError`` for a network whose output does not have the noise's shape.
    public func generate(from noise: Variable, given condition: TextCondition) throws -> Variable {
        try original(of: noise, at: step, given: condition)
    }

    /// x̂₀ of a step's input; gradients flow to the student's parameters and to the input.
    ///
    /// - Parameters:
    ///   - noisy: the step's input, `[batch, height, width, channels]`: noise at the first step, and then the output of the step before,
    ///     noised to this step's level.
    ///   - step: one of the student's steps.
    ///   - condition: the text condition, one per sample.
    ///
    /// Throws ``ModelError`` for a network whose output does not have the input's shape.
    public func original(
        of noisy: Variable, at step: OneStepConfiguration, given condition: TextCondition
    ) throws -> Variable {
        let timesteps = Array(repeating: Double(step.timestep), count: noisy.shape[0])
        let output = try network.checkedPrediction(noisy, at: timesteps, given: condition)
        return step.level.convert(output, from: predictionType, to: .sample, noisy: noisy)
    }

    /// Generates the latents of images step by step (multistep sampling of consistency models, arXiv 2303.01469, algorithm 1).
    ///
    /// - Parameters:
    ///   - noise: z ~ N(0, 1), `[batch, height, width, channels]`.
    ///   - steps: the steps, of which the first gets the noise.
    ///   - condition: the text condition, one per sample.
    ///   - nextNoise: called for the noise before each later step.
    ///
    /// Throws ``ModelError`` as ``generate(from:given:)``, and `CancellationError` in a cancelled task.
    public func generate(
        from noise: Tensor, steps: [OneStepConfiguration], given condition: TextCondition, nextNoise: () -> Tensor
    ) throws -> Tensor {
        var latents = noise
        for (index, step) in steps.enumerated() {
            try Task.checkCancellation()
            if index > 0 {
                latents = step.level.noisy(latents, noise: nextNoise())
            }
            latents = try original(of: Variable(latents), at: step, given: condition).value
        }
        return latents
    }
}
