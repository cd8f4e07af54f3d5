import Autograd
import Tensor

/// Classifier-free guidance (arXiv 2207.12598).
///
/// guided = unconditional + scale · (conditional − unconditional): scale 1 is the conditional prediction, as in diffusers'
/// `guidance_scale`. In sampling, a scale of 1 or below means no guidance, see ``TextToImageModel``; in losses the formula holds for any.
public struct Guidance: Sendable {
    /// The guidance scale: 0 is the unconditional prediction, 1 the conditional one.
    public let scale: Double
    /// The condition of the empty or negative prompt, one for all samples or one per sample.
    public let unconditional: TextCondition
    /// The weight of the guided prediction rescaled to the standard deviation of the conditional one, 0 to 1: diffusers'
    /// `guidance_rescale` (arXiv 2305.08891, section 3.4).
    public let rescale: Double

    /// Guidance with `unconditional` as the unconditional condition.
    public init(scale: Double, unconditional: TextCondition, rescale: Double = 0) {
        (self.scale, self.unconditional, self.rescale) = (scale, unconditional, rescale)
    }

    /// Combines an unconditional and a conditional prediction of equal shape and type. Scale 1 is the conditional prediction.
    ///
    /// All guidance is computed here: that of samplers, of losses (`ScorePrediction`) and of the fake score's training.
    public static func combine(unconditional: Variable, conditional: Variable, scale: Double) -> Variable {
        scale == 1 ? conditional : unconditional + (conditional - unconditional) * Float(scale)
    }

    /// The guided output of a network, with both passes in one evaluation. At scale 1 only the conditional pass is made.
    ///
    /// - Parameters:
    ///   - network: the network to guide.
    ///   - noisy: x_t, `[batch, height, width, channels]`.
    ///   - timesteps: one per sample.
    ///   - condition: the text condition, one per sample.
    ///
    /// Throws ``ModelError`` for a network whose output does not have the shape of `noisy`.
    public func predict(
        with network: any DenoisingNetwork, _ noisy: Tensor, at timesteps: [Double], given condition: TextCondition
    ) throws -> Tensor {
        let noisy = Variable(noisy)
        if scale == 1 { return try network.checkedPrediction(noisy, at: timesteps, given: condition).value }
        let outputs = network.predict(noisy, at: timesteps, givenEach: [unconditional, condition])
        try network.checkOutputs(outputs, count: 2, of: noisy)
        let conditional = outputs[1].value
        let guided = Self.combine(unconditional: outputs[0], conditional: outputs[1], scale: scale).value
        return rescale == 0 ? guided : Self.rescaled(guided, to: conditional, by: rescale)
    }

    /// rescale · guided · std(conditional) / std(guided) + (1 − rescale) · guided, with standard deviations per sample.
    static func rescaled(_ guided: Tensor, to conditional: Tensor, by rescale: Double) -> Tensor {
        let samples = (0..<guided.shape[0]).map { index in
            let sample = guided.sliced(axis: 0, index..<index + 1)
            let ratio = conditional.sliced(axis: 0, index..<index + 1).deviation / sample.deviation
            return sample * Float(rescale * ratio + 1 - rescale)
        }
        return .concatenate(samples, axis: 0)
    }
}

extension Tensor {
    /// The standard deviation of all elements, with n − 1 in the denominator.
    fileprivate var deviation: Double {
        let values = scalars
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        let squares = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }
}
