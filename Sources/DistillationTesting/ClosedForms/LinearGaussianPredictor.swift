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
/// ε = σ (x_t − α E[x₀])/V with V = α² Var[x₀] + σ², the moments given y, or over all y for the empty prompt, element by element. The
/// condition is `[batch, 1, 2]`: y and 1, or 0 and 0 for the empty prompt.
package struct LinearGaussianPredictor: DensityPredictor {
    /// Empty: there are no trainable parameters.
    package let parameters = ParameterSet()
    private let families: @Sendable () -> [LinearGaussian]
    private let schedule: NoiseSchedule

    /// The network of samples whose elements have the same family, or one for each channel, or one for each element. Its output is of
    /// the schedule's prediction type.
    package init(_ families: [LinearGaussian], schedule: NoiseSchedule) {
        self.init(schedule: schedule) { families }
    }

    /// The network of changing families: `families` is called at every prediction.
    init(schedule: NoiseSchedule, families: @escaping @Sendable () -> [LinearGaussian]) {
        (self.families, self.schedule) = (families, schedule)
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
        let current = families()
        let unconditional = current.map { $0.moments(given: nil) }
        let conditions = condition.tokens.value.scalars
        let count = timesteps.count * current.count
        var (means, variances) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        for (index, timestep) in timesteps.enumerated() {
            let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
            let y: Double? = conditions[2 * index + 1] > 0 ? Double(conditions[2 * index]) : nil
            for element in current.indices {
                let moments = y.map { current[element].moments(given: $0) } ?? unconditional[element]
                means[index * current.count + element] = Float(alpha * moments.mean)
                variances[index * current.count + element] = Float(alpha * alpha * moments.variance + sigma * sigma)
            }
        }
        let shape = [timesteps.count] + sampleShape(current.count, of: noisy)
        return (noisy - Variable(Tensor(means, shape: shape)), Variable(Tensor(variances, shape: shape)))
    }
}

/// The shape in which values for all, for each channel or for each element of a sample broadcast to `[batch, height, width, channels]`.
func sampleShape(_ count: Int, of noisy: Variable) -> [Int] {
    let sample = Array(noisy.shape.dropFirst())
    require(
        count == 1 || count == sample[2] || count == sample.reduce(1, *),
        "expected a family for all, each channel or each element of samples \(sample), found \(count)")
    return count == 1 || count == sample[2] ? [1, 1, count] : sample
}

/// A one-step student with linear-Gaussian samples, x̂₀ = μ + b y + τ z, each channel with its own μ, b and τ.
///
/// Used with the prediction type `sample`, so that its output is x̂₀ itself.
package struct LinearGaussianGenerator: DenoisingNetwork {
    /// `mean`, `slope` and `deviation`, each `[channels]`.
    package let parameters = ParameterSet()
    private let mean: Parameter
    private let slope: Parameter
    private let deviation: Parameter
    private let conditionDeviations: [Double]

    /// A generator that starts at the parameters of `channels`, one family for each channel.
    package init(_ channels: [LinearGaussian]) {
        conditionDeviations = channels.map(\.conditionDeviation)
        let scope = parameters.scope
        func parameter(_ name: String, _ values: [Double]) -> Parameter {
            let parameter = scope.parameter(name, shape: [values.count], initializer: .zeros)
            parameter.value = Tensor(values.map { Float($0) }, shape: [values.count])
            return parameter
        }
        mean = parameter("mean", channels.map(\.mean))
        slope = parameter("slope", channels.map(\.slope))
        deviation = parameter("deviation", channels.map(\.deviation))
    }

    /// The current μ, b and τ of each channel.
    package var current: [LinearGaussian] {
        let (means, slopes, deviations) = (mean.value.scalars, slope.value.scalars, deviation.value.scalars)
        return conditionDeviations.indices.map {
            LinearGaussian(
                mean: Double(means[$0]), slope: Double(slopes[$0]), deviation: Double(deviations[$0]),
                conditionDeviation: conditionDeviations[$0])
        }
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
