import Autograd
import Tensor

extension NoiseSchedule {
    /// α at each sample's timestep, `[batch, 1, 1, 1]`.
    public func alphas(_ timesteps: [Int]) -> Tensor { column(timesteps.map(alpha)) }

    /// σ at each sample's timestep, `[batch, 1, 1, 1]`.
    public func sigmas(_ timesteps: [Int]) -> Tensor { column(timesteps.map(sigma)) }

    /// Noised samples α x₀ + σ ε, with one timestep per sample.
    ///
    /// - Parameters:
    ///   - original: x₀, `[batch, height, width, channels]`.
    ///   - noise: ε, of the same shape.
    ///   - timesteps: one per sample.
    public func noisy(_ original: Variable, noise: Tensor, timesteps: [Int]) -> Variable {
        original * Variable(alphas(timesteps)) + Variable(noise * sigmas(timesteps))
    }

    /// Noised samples α x₀ + σ ε, with one timestep per sample. See ``noisy(_:noise:timesteps:)-(Variable,_,_)``.
    public func noisy(_ original: Tensor, noise: Tensor, timesteps: [Int]) -> Tensor {
        original * alphas(timesteps) + noise * sigmas(timesteps)
    }

    /// Converts a network's output to another prediction type.
    ///
    /// - Parameters:
    ///   - prediction: the network's output, `[batch, height, width, channels]`.
    ///   - source: the output's type; nil means the schedule's ``predictionType``.
    ///   - target: the type to convert to.
    ///   - noisy: x_t, of the same shape.
    ///   - timesteps: one per sample.
    public func convert(
        _ prediction: Variable, from source: PredictionType? = nil, to target: PredictionType, noisy: Variable,
        timesteps: [Int]
    ) -> Variable {
        let source = source ?? predictionType
        if source == target { return prediction }
        let weights = timesteps.map { level(at: $0).weights(from: source, to: target) }
        let fromNoisy = Variable(column(weights.map(\.noisy)))
        let fromPrediction = Variable(column(weights.map(\.prediction)))
        return noisy * fromNoisy + prediction * fromPrediction
    }

    /// Converts a network's output to another prediction type, for tensors.
    public func convert(
        _ prediction: Tensor, from source: PredictionType? = nil, to target: PredictionType, noisy: Tensor,
        timesteps: [Int]
    ) -> Tensor {
        convert(
            Variable(prediction), from: source, to: target, noisy: Variable(noisy), timesteps: timesteps
        ).value
    }

    private func column(_ numbers: [Double]) -> Tensor {
        Tensor(perSample: numbers.map { Float($0) })
    }
}
