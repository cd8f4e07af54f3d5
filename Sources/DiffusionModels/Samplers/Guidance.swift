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

    /// The guided output of a network; both passes go together. At scale 1 only the conditional pass is made.
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
        let outputs = network.predict(
            Variable(noisy), at: timesteps, givenEach: [unconditional, condition])
        return Self.combine(unconditional: outputs[0].value, conditional: outputs[1].value, scale: scale)
    }
}
