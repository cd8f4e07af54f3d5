import Autograd
import Tensor

/// A denoising network, as samplers and distillation use it.
public protocol DenoisingNetwork {
    /// The network's weights.
    var parameters: ParameterSet { get }

    /// The network's output, in the prediction type that it was trained for.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample; samplers also pass fractional ones.
    ///   - condition: the text embeddings, `[batch, tokens, width]`.
    func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable

    /// The network's outputs for several conditions of the same samples, as guidance needs them: one per entry of `conditions`, each
    /// `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///
    /// By default they are computed as one batch.
    func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable]
}

extension DenoisingNetwork {
    /// Computes the outputs as one batch in which the samples are repeated for each condition.
    public func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable] {
        let (batch, count) = (noisy.shape[0], conditions.count)
        let outputs = predict(
            noisy.repeated(count), at: Array(repeating: timesteps, count: count).flatMap { $0 },
            given: .concatenate(conditions.map { $0.broadcast(to: [batch] + $0.shape.dropFirst()) }, axis: 0))
        return (0..<count).map { outputs.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }
    }

    /// The outputs of this network and of another for the same samples, each network with its own conditions.
    ///
    /// Networks that share weights compute the shared layers once, see
    /// ``UNet2DConditionModel/outputs(of:_:timesteps:textEmbeddingsOfEach:)``; others are evaluated one after the other.
    ///
    /// - Parameters:
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - conditions: this network's conditions, each `[batch, tokens, width]`, or `[1, tokens, width]` for all samples.
    ///   - other: the other network.
    ///   - otherConditions: the other network's conditions.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor], and other: any DenoisingNetwork,
        givenEach otherConditions: [Tensor]
    ) -> (own: [Variable], other: [Variable]) {
        guard let network = self as? UNet2DConditionModel, let otherNetwork = other as? UNet2DConditionModel,
            network.sharesPrefix(with: otherNetwork)
        else {
            return (
                predict(noisy, at: timesteps, givenEach: conditions),
                other.predict(noisy, at: timesteps, givenEach: otherConditions)
            )
        }
        let outputs = UNet2DConditionModel.outputs(
            of: [network, otherNetwork], noisy, timesteps: timesteps,
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
