import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The perfect denoising network of data from a mixture of normal distributions, each number by itself.
///
/// score = Σ γ_k (α m_k − x_t)/V_k with V_k = α² s_k² + σ² and γ_k ∝ π_k N(x_t; α m_k, V_k); ε = −σ · score.
public struct MixturePredictor: NoisePredictor {
    /// One normal distribution of a mixture.
    public struct Component: Sendable {
        /// π.
        public let weight: Double
        /// m.
        public let mean: Double
        /// s.
        public let deviation: Double

        /// A share of N(mean, deviation²); shares need not add up to one.
        public init(weight: Double, mean: Double, deviation: Double) {
            (self.weight, self.mean, self.deviation) = (weight, mean, deviation)
        }
    }

    /// Empty: there is nothing to train.
    public let parameters = ParameterSet()
    private let components: () -> [Component]
    private let schedule: NoiseSchedule

    /// The network of a mixture, which predicts in the schedule's prediction type.
    public init(_ components: [Component], schedule: NoiseSchedule) {
        self.init(schedule: schedule) { components }
    }

    /// The network of a mixture that changes: `components` is asked at every prediction.
    init(schedule: NoiseSchedule, components: @escaping () -> [Component]) {
        (self.components, self.schedule) = (components, schedule)
    }

    /// The prediction, at whole timesteps; the condition is not read, and nothing flows back.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        let (current, timesteps) = (components(), timesteps.map { Int($0) })
        let perSample = noisy.value.count / timesteps.count
        let scalars = noisy.value.scalars.enumerated().map { index, x in
            epsilon(Double(x), at: timesteps[index / perSample], current)
        }
        let prediction = Variable(Tensor(scalars, shape: noisy.shape))
        return schedule.convert(
            prediction, from: .epsilon, to: schedule.predictionType, noisy: noisy.detached(), timesteps: timesteps)
    }

    private func epsilon(_ x: Double, at timestep: Int, _ components: [Component]) -> Float {
        let (alpha, sigma) = (schedule.alpha(timestep), schedule.sigma(timestep))
        var terms: [(logDensity: Double, score: Double)] = []
        terms.reserveCapacity(components.count)
        for component in components {
            let variance = alpha * alpha * component.deviation * component.deviation + sigma * sigma
            let distance = alpha * component.mean - x
            let logDensity = log(component.weight) - 0.5 * (distance * distance / variance + log(variance))
            terms.append((logDensity, distance / variance))
        }
        let largest = terms.reduce(-Double.infinity) { max($0, $1.logDensity) }
        var (total, score) = (0.0, 0.0)
        for term in terms {
            let share = exp(term.logDensity - largest)
            total += share
            score += share * term.score
        }
        return Float(-sigma * score / total)
    }
}

/// A generator that is a set of particles: the student whose every picture is a parameter of its own.
///
/// Used with the prediction type `sample`; a batch is all particles.
public struct ParticleGenerator: NoisePredictor {
    /// `positions`, `[particles, 1, 1, 1]`.
    public let parameters = ParameterSet()
    private let positions: Parameter

    /// Particles at these positions, `[particles, 1, 1, 1]`.
    public init(_ positions: Tensor) {
        precondition(
            positions.rank == 4 && positions.count == positions.shape[0],
            "ParticleGenerator: expected [particles, 1, 1, 1], found \(positions.shape)")
        self.positions = parameters.scope.parameter("positions", shape: positions.shape, initializer: .zeros)
        self.positions.value = positions
    }

    /// The positions, as they are now.
    public var currentPositions: [Float] { positions.value.scalars }

    /// The positions; noise, timesteps and condition are not read, but the batch must be all particles.
    public func predict(_ noisy: Variable, at timesteps: [Double], given condition: Tensor) -> Variable {
        precondition(
            noisy.shape == positions.shape,
            "ParticleGenerator: expected a batch of all particles, \(positions.shape), found \(noisy.shape)")
        return positions.variable
    }

    /// The perfect network of what this generator draws now: the mixture of its particles.
    public func exactScore(schedule: NoiseSchedule) -> MixturePredictor {
        MixturePredictor(schedule: schedule) {
            currentPositions.map { MixturePredictor.Component(weight: 1, mean: Double($0), deviation: 0) }
        }
    }
}
