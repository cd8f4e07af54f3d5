import Autograd
import DiffusionModels
import Tensor

/// The exact denoising network of normally distributed data N(m, s²), elements independent.
///
/// ε(x_t) = σ (x_t − α m) / (α² s² + σ²). m and log s are parameters: frozen it is a closed-form teacher, trained it is a
/// fake score that can become exact.
package struct GaussianPredictor: DenoisingNetwork {
    /// `mean` and `log_deviation`, each `[1]`.
    package let parameters = ParameterSet()
    private let mean: Parameter
    private let logDeviation: Parameter
    private let schedule: NoiseSchedule

    /// The network of N(mean, deviation²). Its output is of the schedule's prediction type.
    package init(mean: Float, deviation: Float, schedule: NoiseSchedule) {
        self.mean = parameters.scope.parameter("mean", shape: [1], initializer: .constant(mean))
        logDeviation = parameters.scope.parameter("log_deviation", shape: [1], initializer: .zeros)
        self.mean.value = Tensor([mean], shape: [1])
        logDeviation.value = Tensor([deviation], shape: [1]).log()
        self.schedule = schedule
    }

    /// The current m.
    package var currentMean: Float { mean.value.item }
    /// The current s.
    package var currentDeviation: Float { logDeviation.value.exp().item }

    /// The prediction, at integer timesteps; the condition is ignored.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        gaussianPrediction(
            noisy, timesteps, mean: mean.variable, variance: (logDeviation.variable * 2).exp(), schedule: schedule)
    }
}

/// A generator of normally distributed samples, x̂₀ = μ + τ z: the one-step student of closed-form tests.
///
/// Used with the prediction type `sample`, so that its output is x̂₀ itself.
package struct GaussianGenerator: DenoisingNetwork {
    /// `mean` and `deviation`, each `[1]`.
    package let parameters = ParameterSet()
    private let mean: Parameter
    private let deviation: Parameter

    /// A generator of N(mean, deviation²).
    package init(mean: Float, deviation: Float) {
        self.mean = parameters.scope.parameter("mean", shape: [1], initializer: .constant(mean))
        self.deviation = parameters.scope.parameter("deviation", shape: [1], initializer: .constant(deviation))
        self.mean.value = Tensor([mean], shape: [1])
        self.deviation.value = Tensor([deviation], shape: [1])
    }

    /// The current μ.
    package var currentMean: Float { mean.value.item }
    /// The current τ.
    package var currentDeviation: Float { deviation.value.item }

    /// μ + τ z; timesteps and condition are ignored.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        noisy * deviation.variable + mean.variable
    }

    /// The exact denoising network of this generator's current distribution; it reads the parameters at every prediction.
    package func exactScore(schedule: NoiseSchedule) -> any DenoisingNetwork {
        ExactGaussianScore(generator: self, schedule: schedule)
    }

    /// A denoising network of the distribution of another generator, with that generator's parameters: a fake score that has the
    /// parameters of a student, as a copy of the student's network has.
    package func trainableScore(schedule: NoiseSchedule) -> any DenoisingNetwork {
        TrainableGaussianScore(parameters: parameters, mean: mean, deviation: deviation, schedule: schedule)
    }

    private struct TrainableGaussianScore: DenoisingNetwork {
        let parameters: ParameterSet
        let mean: Parameter
        let deviation: Parameter
        let schedule: NoiseSchedule

        func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
            gaussianPrediction(
                noisy, timesteps, mean: mean.variable, variance: deviation.variable.squared(), schedule: schedule)
        }
    }

    private struct ExactGaussianScore: DenoisingNetwork {
        let parameters = ParameterSet()
        let generator: GaussianGenerator
        let schedule: NoiseSchedule

        func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
            gaussianPrediction(
                noisy, timesteps, mean: Variable(generator.mean.value),
                variance: Variable(generator.deviation.value.squared()), schedule: schedule)
        }
    }
}

/// ε for N(mean, variance) data, converted to the schedule's prediction type.
func gaussianPrediction(
    _ noisy: Variable, _ timesteps: [Double], mean: Variable, variance: Variable, schedule: NoiseSchedule
) -> Variable {
    let timesteps = timesteps.map { Int($0) }
    let (alpha, sigma) = (Variable(schedule.alphas(timesteps)), Variable(schedule.sigmas(timesteps)))
    let total = alpha.squared() * variance + sigma.squared()
    let epsilon = sigma * (noisy - alpha * mean) / total
    return schedule.convert(
        epsilon, from: .epsilon, to: schedule.predictionType, noisy: noisy, timesteps: timesteps)
}
