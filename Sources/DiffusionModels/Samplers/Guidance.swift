import Autograd
import Tensor

/// Classifier-free guidance (arXiv 2207.12598) of the network that it is applied to.
///
/// guided = unconditional + scale · (conditional − unconditional): scale 1 is the conditional prediction, as in diffusers'
/// `guidance_scale`.
public struct Guidance: Sendable {
    /// How far to go from the unconditional prediction towards the conditional one and beyond.
    public let scale: Double
    /// The text embeddings of the empty or negative prompt, `[1, tokens, width]` or one a sample.
    public let unconditional: Tensor

    /// Guidance away from `unconditional`.
    public init(scale: Double, unconditional: Tensor) {
        (self.scale, self.unconditional) = (scale, unconditional)
    }

    /// The guided prediction of two predictions of equal shape and type.
    public static func combine(unconditional: Tensor, conditional: Tensor, scale: Double) -> Tensor {
        unconditional + (conditional - unconditional) * Float(scale)
    }

    /// The guided output of a network; both passes go as one batch. At scale 1 only the conditional pass is made.
    ///
    /// - Parameters:
    ///   - network: the network to guide.
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one a sample.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    public func predict(
        with network: any NoisePredictor, _ noisy: Tensor, at timesteps: [Double], given condition: Tensor
    ) -> Tensor {
        if scale == 1 { return network.predict(Variable(noisy), at: timesteps, given: condition).value }
        let batch = noisy.shape[0]
        let both = Tensor.concatenate([unconditional.broadcast(to: condition.shape), condition], axis: 0)
        let twice = Tensor.concatenate([noisy, noisy], axis: 0)
        let output = network.predict(Variable(twice), at: timesteps + timesteps, given: both).value
        return Self.combine(
            unconditional: output.sliced(axis: 0, 0..<batch), conditional: output.sliced(axis: 0, batch..<2 * batch),
            scale: scale)
    }
}
