import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The parameters of a linear-Gaussian family: y ~ N(0, ρ²), x₀|y ~ N(m + a y, s²), elements independent given y.
public struct LinearGaussian: Sendable, Equatable {
    /// m, the mean at y = 0.
    package var mean: Double
    /// a, the slope in y.
    package var slope: Double
    /// s, the standard deviation given y.
    package var deviation: Double
    /// ρ, the standard deviation of the condition y.
    package var conditionDeviation: Double

    /// A family with these parameters; without a slope it is N(mean, deviation²).
    public init(mean: Double, slope: Double = 0, deviation: Double, conditionDeviation: Double = 1) {
        (self.mean, self.slope, self.deviation) = (mean, slope, deviation)
        self.conditionDeviation = conditionDeviation
    }

    /// The mean and variance of x₀ given a condition, or over all conditions if it is nil.
    func moments(given condition: Double?) -> (mean: Double, variance: Double) {
        guard let condition else {
            let spread = slope * conditionDeviation
            return (mean, deviation * deviation + spread * spread)
        }
        return (mean + slope * condition, deviation * deviation)
    }
}

/// A denoising network of a distribution with a known density.
protocol DensityPredictor: DenoisingNetwork {
    /// log p_t per sample, `[batch, 1, 1, 1]`, up to a constant that depends only on the sample's size.
    func logDensity(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable
}

/// The exact denoising network of a linear-Gaussian family, conditional on y or unconditional.
///
/// ε = σ (x_t − α E[x₀])/V with V = α² Var[x₀] + σ², the moments given y, or over all y for the empty prompt. The
/// condition is `[batch, 1, 2]`: y and 1, or 0 and 0 for the empty prompt.
package struct LinearGaussianPredictor: DensityPredictor {
    /// Empty: there are no trainable parameters.
    package let parameters = ParameterSet()
    private let family: @Sendable () -> LinearGaussian
    private let schedule: NoiseSchedule

    /// The network of a family. Its output is of the schedule's prediction type.
    package init(_ family: LinearGaussian, schedule: NoiseSchedule) {
        self.init(schedule: schedule) { family }
    }

    /// The network of a changing family: `family` is called at every prediction.
    init(schedule: NoiseSchedule, family: @escaping @Sendable () -> LinearGaussian) {
        (self.family, self.schedule) = (family, schedule)
    }

    /// The prediction, at integer timesteps; gradients flow to x_t.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let timesteps = timesteps.map { Int($0) }
        let (distance, variance) = standardized(noisy, timesteps, condition)
        let epsilon = Variable(schedule.sigmas(timesteps)) * distance / variance
        return schedule.convert(
            epsilon, from: .epsilon, to: schedule.predictionType, noisy: noisy, timesteps: timesteps)
    }

    func logDensity(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable {
        let (distance, variance) = standardized(noisy, timesteps, condition)
        let terms = (distance.squared() / variance + variance.log()) * -0.5
        return terms.sum(alongAxes: [1, 2, 3], keepingDimensions: true)
    }

    /// x_t − α E[x₀], and V.
    private func standardized(
        _ noisy: Variable, _ timesteps: [Int], _ condition: TextCondition
    ) -> (distance: Variable, variance: Variable) {
        let current = family()
        let conditions = condition.tokens.value.scalars
        let moments = timesteps.indices.map {
            current.moments(given: conditions[2 * $0 + 1] > 0 ? Double(conditions[2 * $0]) : nil)
        }
        let alphas = timesteps.map(schedule.alpha)
        let sigmas = timesteps.map(schedule.sigma)
        func column(_ value: (Int) -> Double) -> Variable {
            Variable(Tensor(perSample: timesteps.indices.map { Float(value($0)) }))
        }
        let means = column { alphas[$0] * moments[$0].mean }
        let variances = column { alphas[$0] * alphas[$0] * moments[$0].variance + sigmas[$0] * sigmas[$0] }
        return (noisy - means, variances)
    }
}

/// A one-step student with linear-Gaussian samples, x̂₀ = μ + b y + τ z.
///
/// Used with the prediction type `sample`, so that its output is x̂₀ itself.
package struct LinearGaussianGenerator: DenoisingNetwork {
    /// `mean`, `slope` and `deviation`, each `[1]`.
    package let parameters = ParameterSet()
    private let mean: Parameter
    private let slope: Parameter
    private let deviation: Parameter
    private let conditionDeviation: Double

    /// A generator that starts at the parameters of `family`.
    package init(_ family: LinearGaussian) {
        conditionDeviation = family.conditionDeviation
        let scope = parameters.scope
        mean = scope.parameter("mean", shape: [1], initializer: .zeros)
        slope = scope.parameter("slope", shape: [1], initializer: .zeros)
        deviation = scope.parameter("deviation", shape: [1], initializer: .zeros)
        for (parameter, value) in [(mean, family.mean), (slope, family.slope), (deviation, family.deviation)] {
            parameter.value = Tensor([Float(value)], shape: [1])
        }
    }

    /// The current μ, b and τ.
    package var current: LinearGaussian {
        LinearGaussian(
            mean: Double(mean.value.item), slope: Double(slope.value.item), deviation: Double(deviation.value.item),
            conditionDeviation: conditionDeviation)
    }

    /// μ + b y + τ z; timesteps are ignored.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let y = condition.tokens.sliced(axis: 2, 0..<1).reshaped(to: [condition.count, 1, 1, 1])
        return noisy * deviation.variable + y * slope.variable + mean.variable
    }

    /// The exact denoising network of this generator's current distribution; it reads the parameters at every prediction.
    package func exactScore(schedule: NoiseSchedule) -> LinearGaussianPredictor {
        LinearGaussianPredictor(schedule: schedule) { self.current }
    }
}
