import Autograd
import Tensor

/// A denoising network: what samplers and distillation need of it.
public protocol DenoisingNetwork {
    /// Its own weights.
    var parameters: ParameterSet { get }

    /// The network's output, in the prediction type that it was trained for.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one a sample; samplers also ask between whole ones.
    ///   - condition: the text embeddings, `[batch, tokens, width]`.
    func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable

    /// The outputs for several conditions of the same samples, as guidance needs them: one an entry of `conditions`, each
    /// `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///
    /// What is asked of a network that does not say how goes as one batch.
    func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable]
}

extension DenoisingNetwork {
    /// One batch with the samples again for each condition.
    public func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable] {
        let (batch, count) = (noisy.shape[0], conditions.count)
        let outputs = predict(
            noisy.repeated(count), at: Array(repeating: timesteps, count: count).flatMap { $0 },
            given: .concatenate(conditions.map { $0.broadcast(to: [batch] + $0.shape.dropFirst()) }, axis: 0))
        return (0..<count).map { outputs.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }
    }

    /// The outputs of this network and of another for the same samples, each for conditions of its own.
    ///
    /// Networks that share weights compute once what they have in common, see
    /// ``UNet2DConditionModel/outputs(of:_:timesteps:textEmbeddingsOfEach:)``; others are asked in turn.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one a sample.
    ///   - conditions: this network's, each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///   - other: the other network.
    ///   - otherConditions: the other's.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor], and other: any DenoisingNetwork,
        givenEach otherConditions: [Tensor]
    ) -> (own: [Variable], other: [Variable]) {
        guard let network = self as? UNet2DConditionModel, let relative = other as? UNet2DConditionModel,
            network.sharesEntrance(with: relative)
        else {
            return (
                predict(noisy, at: timesteps, givenEach: conditions),
                other.predict(noisy, at: timesteps, givenEach: otherConditions)
            )
        }
        let outputs = UNet2DConditionModel.outputs(
            of: [network, relative], noisy, timesteps: timesteps,
            textEmbeddingsOfEach: [conditions, otherConditions].map { $0.map { Variable($0) } })
        return (outputs[0], outputs[1])
    }
}

extension UNet2DConditionModel: DenoisingNetwork {
    /// The network's output. See ``callAsFunction(_:timesteps:textEmbeddings:)``.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        self(noisy, timesteps: timesteps, textEmbeddings: Variable(condition))
    }

    /// The outputs for several conditions. See ``callAsFunction(_:timesteps:textEmbeddingsOfEach:)``.
    public func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable] {
        self(noisy, timesteps: timesteps, textEmbeddingsOfEach: conditions.map { Variable($0) })
    }
}
