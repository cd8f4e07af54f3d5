import Autograd
import DiffusionModels
import Distillation
import Tensor

/// The perfect discriminator: D = log p_t(x) − log q_t(x) of two densities in closed form.
public struct DensityRatio: Discriminator {
    /// Empty: there is nothing to train.
    public let parameters = ParameterSet()
    private let real: any DensityPredictor
    private let fake: any DensityPredictor

    /// The discriminator between two mixtures.
    public init(real: MixturePredictor, fake: MixturePredictor) {
        (self.real, self.fake) = (real, fake)
    }

    /// The discriminator between two linear-Gaussian families.
    public init(real: LinearGaussianPredictor, fake: LinearGaussianPredictor) {
        (self.real, self.fake) = (real, fake)
    }

    /// D of each sample, `[batch, 1, 1, 1]`.
    public func logits(of noisy: Variable, at timesteps: [Int], given condition: Tensor) -> Variable {
        real.logDensity(of: noisy, at: timesteps, given: condition)
            - fake.logDensity(of: noisy, at: timesteps, given: condition)
    }
}

/// A decoder whose pictures are twice the latents.
public struct DoublingDecoder: LatentDecoder {
    /// The decoder.
    public init() {}

    /// 2 x.
    public func pictures(of latents: Variable) -> Variable { latents * 2 }
}

/// A reward of nearness: 1 at a picture of one number everywhere, falling to 0 far from it.
public struct NearnessReward: ImageTextReward {
    /// The number that is rewarded.
    public let centre: Double

    /// The reward of pictures near `centre`.
    public init(centre: Double) { self.centre = centre }

    /// exp(−mean (x − centre)²/8) of each picture, `[batch]`; the prompts are not read.
    public func scores(of pictures: Variable, for prompts: [Int]) -> Variable {
        ((pictures - Float(centre)).squared().mean(alongAxes: [1, 2, 3]) * -0.125).exp()
    }
}

/// The consistency function of N(m, s²): f(x_t, t) = m + s (x_t − α m)/√V, where every path of the probability-flow equation
/// ends. Used with the prediction type `sample`.
public struct ConsistencyPredictor: DenoisingNetwork {
    /// `mean` and `deviation`, each `[1]`.
    public let parameters = ParameterSet()
    private let mean: Parameter
    private let deviation: Parameter
    private let schedule: NoiseSchedule
    private let data: LinearGaussian

    /// The function of `data`, whose outer mean and deviation are parameters that start at `start`.
    public init(_ data: LinearGaussian, start: LinearGaussian, schedule: NoiseSchedule) {
        (self.data, self.schedule) = (data, schedule)
        mean = parameters.scope.parameter("mean", shape: [1], initializer: .zeros)
        deviation = parameters.scope.parameter("deviation", shape: [1], initializer: .zeros)
        mean.value = Tensor([Float(start.mean)], shape: [1])
        deviation.value = Tensor([Float(start.deviation)], shape: [1])
    }

    /// f(x_t, t), at whole timesteps; the condition is not read.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        let timesteps = timesteps.map { Int($0) }
        let (alpha, sigma) = (schedule.alphas(timesteps), schedule.sigmas(timesteps))
        let total = alpha.squared() * Float(data.deviation * data.deviation) + sigma.squared()
        let standard = (noisy - Variable(alpha * Float(data.mean))) / Variable(total.squareRoot())
        return standard * deviation.variable + mean.variable
    }
}
