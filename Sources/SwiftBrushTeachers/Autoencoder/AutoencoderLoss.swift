import Autograd
import DiffusionModels
import Tensor

/// The training loss of an autoencoder, in which all terms are means over elements:
/// |y − x| + a (y − x)² + b |∇y − ∇x| + c KL(N(μ, s²) ‖ N(0, 1)), where ∇ is the difference between neighbouring pixels.
struct AutoencoderLoss {
    /// The absolute error.
    let absolute: Variable
    /// The squared error, from which the peak signal-to-noise ratio is computed.
    let squared: Variable
    /// The sum of the mean absolute errors of the vertical and of the horizontal differences.
    let edges: Variable
    /// The KL divergence per element, ½ (μ² + s² − 1 − ln s²).
    let divergence: Variable

    /// - Parameters:
    ///   - reconstruction: y, `[batch, height, width, 3]`.
    ///   - pictures: x, of the same shape.
    ///   - latents: the encoder's distribution for x.
    init(of reconstruction: Variable, pictures: Tensor, latents: LatentDistribution) {
        let error = reconstruction - Variable(pictures)
        absolute = error.absolute().mean()
        squared = error.squared().mean()
        let (height, width) = (pictures.shape[1], pictures.shape[2])
        let down = error.sliced(axis: 1, 1..<height) - error.sliced(axis: 1, 0..<height - 1)
        let across = error.sliced(axis: 2, 1..<width) - error.sliced(axis: 2, 0..<width - 1)
        edges = down.absolute().mean() + across.absolute().mean()
        let (mean, logVariance) = (latents.mean, latents.logVariance)
        divergence = ((mean.squared() + logVariance.exp() - 1 - logVariance) * 0.5).mean()
    }

    /// The weighted sum.
    func total(_ configuration: AutoencoderTrainingConfiguration) -> Variable {
        absolute + squared * Float(configuration.squaredErrorWeight) + edges * Float(configuration.edgeErrorWeight)
            + divergence * Float(configuration.divergenceWeight)
    }
}
