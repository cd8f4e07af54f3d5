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
}

extension UNet2DConditionModel: NoisePredictor {
    /// The network's output. See ``callAsFunction(_:timesteps:textEmbeddings:)``.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        self(noisy, timesteps: timesteps, textEmbeddings: Variable(condition))
    }
}
