import Autograd
import Tensor

/// A denoising network: what samplers and distillation need of it.
public protocol NoisePredictor {
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

    /// The outputs of this network and of another for the same samples, for each of their conditions. Networks that share
    /// weights may compute once what they have in common; others are asked in turn.
    func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor], and other: any NoisePredictor,
        givenEach otherConditions: [Tensor]
    ) -> (own: [Variable], other: [Variable])
}

extension NoisePredictor {
    /// One batch with the samples again for each condition.
    public func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable] {
        let (batch, count) = (noisy.shape[0], conditions.count)
        let outputs = predict(
            noisy.repeated(count), at: Array(repeating: timesteps, count: count).flatMap { $0 },
            given: .concatenate(conditions.map { $0.broadcast(to: [batch] + $0.shape.dropFirst()) }, axis: 0))
        return (0..<count).map { outputs.sliced(axis: 0, $0 * batch..<($0 + 1) * batch) }
    }

    /// One network after the other.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor], and other: any NoisePredictor,
        givenEach otherConditions: [Tensor]
    ) -> (own: [Variable], other: [Variable]) {
        (
            predict(noisy, at: timesteps, givenEach: conditions),
            other.predict(noisy, at: timesteps, givenEach: otherConditions)
        )
    }
}

extension UNet2DConditionModel: NoisePredictor {
    /// The network's output. See ``callAsFunction(_:timesteps:textEmbeddings:)``.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        self(noisy, timesteps: timesteps, textEmbeddings: Variable(condition))
    }

    /// The outputs for several conditions. See ``callAsFunction(_:timesteps:textEmbeddingsOfEach:)``.
    public func predict(_ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor]) -> [Variable] {
        self(noisy, timesteps: timesteps, textEmbeddingsOfEach: conditions.map { Variable($0) })
    }

    /// The outputs of this network and of another. See ``outputs(of:_:timesteps:textEmbeddingsOfEach:)``.
    public func predict(
        _ noisy: Variable, at timesteps: [Double], givenEach conditions: [Tensor], and other: any NoisePredictor,
        givenEach otherConditions: [Tensor]
    ) -> (own: [Variable], other: [Variable]) {
        guard let network = other as? UNet2DConditionModel, sharesEntrance(with: network) else {
            return (
                predict(noisy, at: timesteps, givenEach: conditions),
                other.predict(noisy, at: timesteps, givenEach: otherConditions)
            )
        }
        let outputs = Self.outputs(
            of: [self, network], noisy, timesteps: timesteps,
            textEmbeddingsOfEach: [conditions, otherConditions].map { $0.map { Variable($0) } })
        return (outputs[0], outputs[1])
    }
}
