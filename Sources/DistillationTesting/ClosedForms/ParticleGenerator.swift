import Autograd
import DiffusionModels
import Tensor

/// A generator that is a set of particles: a student in which every sample is a parameter.
///
/// Used with the prediction type `sample`; a batch consists of all particles.
package struct ParticleGenerator: DenoisingNetwork {
    /// `positions`, `[particles, 1, 1, dimensions]`.
    package let parameters = ParameterSet()
    private let positions: Parameter

    /// Particles at these positions, `[particles, 1, 1, dimensions]`.
    package init(_ positions: Tensor) {
        require(
            positions.rank == 4 && positions.shape[1] == 1 && positions.shape[2] == 1,
            "ParticleGenerator: expected [particles, 1, 1, dimensions], found \(positions.shape)")
        self.positions = parameters.scope.parameter("positions", shape: positions.shape, initializer: .zeros)
        self.positions.value = positions
    }

    /// The current positions, particle by particle.
    package var currentPositions: [Float] { positions.value.scalars }

    /// The positions; noise, timesteps and condition are ignored, but the batch must consist of all particles.
    package func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        require(
            noisy.shape == positions.shape,
            "ParticleGenerator: expected a batch of all particles, \(positions.shape), found \(noisy.shape)")
        return positions.variable
    }

    /// The exact denoising network of this generator's current distribution, the mixture of its particles.
    package func exactScore(schedule: NoiseSchedule) -> MixturePredictor {
        let dimensions = positions.shape[3]
        return MixturePredictor(schedule: schedule) {
            let current = currentPositions.map(Double.init)
            return stride(from: 0, to: current.count, by: dimensions).map {
                MixturePredictor.Component(
                    weight: 1, mean: Array(current[$0..<$0 + dimensions]), deviation: 0)
            }
        }
    }
}
