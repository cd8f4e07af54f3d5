import Autograd
import DiffusionModels
import Distillation
import Tensor

/// The optimal discriminator, D = log p_t(x) − log q_t(x), for two densities in closed form.
package struct DensityRatio: Discriminator {
    /// Empty: there are no trainable parameters.
    package let parameters = ParameterSet()
    private let real: any DensityPredictor
    private let fake: any DensityPredictor

    /// The discriminator between two mixtures.
    package init(real: MixturePredictor, fake: MixturePredictor) {
        (self.real, self.fake) = (real, fake)
    }

    /// The discriminator between two linear-Gaussian families.
    package init(real: LinearGaussianPredictor, fake: LinearGaussianPredictor) {
        (self.real, self.fake) = (real, fake)
    }

    /// D per sample, `[batch, 1, 1, 1]`.
    package func logits(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable {
        real.logDensity(of: noisy, at: timesteps, given: condition)
            - fake.logDensity(of: noisy, at: timesteps, given: condition)
    }
}

/// A decoder that multiplies the latents by two.
package struct DoublingDecoder: LatentDecoder {
    /// Creates the decoder.
    package init() {}

    /// 2 x.
    package func pictures(of latents: Variable) -> Variable { latents * 2 }
}

/// A reward of images close to a constant image: 1 where every element is `centre`, falling to 0 far from it.
package struct NearnessReward: ImageTextReward {
    /// The element value with the highest reward.
    package let centre: Double

    /// A reward with its maximum at `centre`.
    package init(centre: Double) { self.centre = centre }

    /// exp(−mean (x − centre)²/8) per image, `[batch]`; the prompts are ignored.
    package func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
        ((pictures - Float(centre)).squared().mean(alongAxes: [1, 2, 3]) * -0.125).exp()
    }
}

/// The consistency function of N(m, s²): f(x_t, t) = m + s (x_t − α m)/√V, the endpoint at t = 0 of the probability-flow ODE
/// through x_t. Used with the prediction type `sample`. All elements of a sample have the same m and s, or each its own.
package struct ConsistencyPredictor: DenoisingNetwork {
    /// `mean` and `deviation`, each `[elements]`.
    package let parameters = ParameterSet()
    private let mean: Parameter
    private let deviation: Parameter
    private let schedule: NoiseSchedule
    private let data: [LinearGaussian]

    /// The consistency function of `data`, with the outer mean and deviation as parameters that are initialised from `start`.
    package init(_ data: [LinearGaussian], start: [LinearGaussian], schedule: NoiseSchedule) {
        (self.data, self.schedule) = (data, schedule)
        let shape = [start.count]
        mean = parameters.scope.parameter("mean", shape: shape, initializer: .zeros)
        deviation = parameters.scope.parameter("deviation", shape: shape, initializer: .zeros)
        mean.value = Tensor(start.map { Float($0.mean) }, shape: shape)
        deviation.value = Tensor(start.map { Float($0.deviation) }, shape: shape)
    }

    /// f(x_t, t), at integer timesteps; the condition is ignored.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let timesteps = timesteps.map { Int($0) }
        let (alpha, sigma) = (schedule.alphas(timesteps), schedule.sigmas(timesteps))
        let shape = sampleShape(data.count, of: noisy)
        let means = Tensor(data.map { Float($0.mean) }, shape: shape)
        let variances = Tensor(data.map { Float($0.deviation * $0.deviation) }, shape: shape)
        let total = alpha.squared() * variances + sigma.squared()
        let standard = (noisy - Variable(alpha * means)) / Variable(total.squareRoot())
        return standard * deviation.variable.reshaped(to: shape) + mean.variable.reshaped(to: shape)
    }
}
