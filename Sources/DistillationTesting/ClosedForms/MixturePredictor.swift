import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The exact denoising network of a mixture of isotropic normal distributions in one or more dimensions.
///
/// score = Σ γ_k (α m_k − x_t)/V_k with V_k = α² s_k² + σ² and γ_k ∝ π_k N(x_t; α m_k, V_k); ε = −σ · score. A mixture in
/// d dimensions treats every d consecutive elements of a sample as one point.
public struct MixturePredictor: DensityPredictor {
    /// One normal distribution of the mixture.
    public struct Component: Sendable {
        /// π, the weight.
        package let weight: Double
        /// m, the mean.
        package let mean: [Double]
        /// s, the standard deviation.
        package let deviation: Double

        /// N(mean, deviation²) in one dimension; the weights need not sum to one.
        package init(weight: Double, mean: Double, deviation: Double) {
            self.init(weight: weight, mean: [mean], deviation: deviation)
        }

        /// N(mean, deviation² · 1) in as many dimensions as `mean` has elements.
        package init(weight: Double, mean: [Double], deviation: Double) {
            (self.weight, self.mean, self.deviation) = (weight, mean, deviation)
        }
    }

    /// Empty: there are no trainable parameters.
    public let parameters = ParameterSet()
    private let components: @Sendable () -> [Component]
    private let schedule: NoiseSchedule

    /// The network of a mixture. Its output is of the schedule's prediction type.
    package init(_ components: [Component], schedule: NoiseSchedule) {
        self.init(schedule: schedule) { components }
    }

    /// The network of a changing mixture: `components` is called at every prediction.
    init(schedule: NoiseSchedule, components: @escaping @Sendable () -> [Component]) {
        (self.components, self.schedule) = (components, schedule)
    }

    /// The prediction, at integer timesteps; the condition is ignored, gradients flow to x_t.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let timesteps = timesteps.map { Int($0) }
        let noised = NoisedMixture(components(), schedule, timesteps, noisy.value)
        let score = noised.scores()
        let scored = Variable.record(score, from: noisy) { noised.scoreGradient(outputGradient: $0) }
        let epsilon = -(scored * Variable(schedule.sigmas(timesteps)))
        return schedule.convert(
            epsilon, from: .epsilon, to: schedule.predictionType, noisy: noisy, timesteps: timesteps)
    }

    func logDensity(of noisy: Variable, at timesteps: [Int], given condition: TextCondition) -> Variable {
        let noised = NoisedMixture(components(), schedule, timesteps, noisy.value)
        let total = Variable(noised.logDensities())
        return Variable.record(total.value, from: noisy) { noised.scores() * $0 }
    }
}

/// A noised mixture at each timestep of a batch, and the points of the batch.
private struct NoisedMixture: Sendable {
    /// The mixture at one timestep.
    private struct Level: Sendable {
        var means: [Double] = []
        var precisions: [Double] = []
        var logWeights: [Double] = []
    }

    private let levels: [Int: Level]
    private let timesteps: [Int]
    private let points: Tensor
    private let dimensions: Int
    private let count: Int

    init(_ components: [MixturePredictor.Component], _ schedule: NoiseSchedule, _ timesteps: [Int], _ points: Tensor) {
        dimensions = components[0].mean.count
        count = components.count
        (self.timesteps, self.points) = (timesteps, points)
        require(
            points.count % (timesteps.count * dimensions) == 0,
            "MixturePredictor: expected samples of a multiple of \(dimensions) numbers, found \(points.shape)")
        var levels: [Int: Level] = [:]
        for timestep in timesteps where levels[timestep] == nil {
            let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
            var level = Level()
            for component in components {
                let variance = alpha * alpha * component.deviation * component.deviation + sigma * sigma
                level.means += component.mean.map { alpha * $0 }
                level.precisions.append(1 / variance)
                level.logWeights.append(log(component.weight) - 0.5 * Double(dimensions) * log(variance))
            }
            levels[timestep] = level
        }
        self.levels = levels
    }

    /// Σ γ_k (α m_k − x)/V_k.
    func scores() -> Tensor {
        map { point, level, shares, result, _ in
            for k in 0..<count {
                let weight = shares[k] * level.precisions[k]
                for i in 0..<dimensions { result[i] += weight * (level.means[k * dimensions + i] - point[i]) }
            }
        }
    }

    /// (∂score/∂x)ᵀ u = Σ γ_k (s_k (s_k · u) − u/V_k) − s (s · u).
    func scoreGradient(outputGradient: Tensor) -> Tensor {
        let directions = outputGradient.scalars
        return map { point, level, shares, result, offset in
            var (score, along) = ([Double](repeating: 0, count: dimensions), 0.0)
            for k in 0..<count {
                var product = 0.0
                for i in 0..<dimensions {
                    let part = (level.means[k * dimensions + i] - point[i]) * level.precisions[k]
                    product += part * Double(directions[offset + i])
                    score[i] += shares[k] * part
                }
                along += shares[k] * product
                for i in 0..<dimensions {
                    let part = (level.means[k * dimensions + i] - point[i]) * level.precisions[k]
                    result[i] += shares[k] * (part * product - Double(directions[offset + i]) * level.precisions[k])
                }
            }
            for i in 0..<dimensions { result[i] -= score[i] * along }
        }
    }

    /// log Σ π_k N(x; α m_k, V_k), summed over the points of each sample, `[batch, 1, 1, 1]`.
    func logDensities() -> Tensor {
        let perSample = points.count / timesteps.count
        let values = points.scalars
        let sums = timesteps.indices.map { sample in
            stride(from: sample * perSample, to: (sample + 1) * perSample, by: dimensions).reduce(0.0) { sum, start in
                let point = (0..<dimensions).map { Double(values[start + $0]) }
                guard let level = levels[timesteps[sample]] else { return .nan }
                return sum + shares(of: point, level).logTotal
            }
        }
        return Tensor(perSample: sums.map { Float($0) })
    }

    private typealias Body = (
        _ point: [Double], _ level: Level, _ shares: [Double], _ result: inout [Double], _ offset: Int
    ) -> Void

    /// Calls `body` for each point with its level and γ; `result` is initialised with 0.
    private func map(_ body: Body) -> Tensor {
        let perSample = points.count / timesteps.count
        let values = points.scalars
        return Tensor(shape: points.shape) { target in
            var point = [Double](repeating: 0, count: dimensions)
            for start in stride(from: 0, to: values.count, by: dimensions) {
                guard let level = levels[timesteps[start / perSample]] else { continue }
                for i in 0..<dimensions { point[i] = Double(values[start + i]) }
                var result = [Double](repeating: 0, count: dimensions)
                body(point, level, shares(of: point, level).shares, &result, start)
                for i in 0..<dimensions { target[start + i] = Float(result[i]) }
            }
        }
    }

    /// γ, and the logarithm of its normalisation.
    private func shares(of point: [Double], _ level: Level) -> (shares: [Double], logTotal: Double) {
        var shares = level.logWeights
        var largest = -Double.infinity
        for k in 0..<count {
            var square = 0.0
            for i in 0..<dimensions {
                let distance = level.means[k * dimensions + i] - point[i]
                square += distance * distance
            }
            shares[k] -= 0.5 * square * level.precisions[k]
            if !(shares[k] <= largest) { largest = shares[k] }
        }
        var total = 0.0
        for k in 0..<count {
            shares[k] = exp(shares[k] - largest)
            total += shares[k]
        }
        for k in 0..<count { shares[k] /= total }
        return (shares, largest + log(total))
    }
}
