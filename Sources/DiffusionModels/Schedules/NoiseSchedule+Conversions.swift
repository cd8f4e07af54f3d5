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

    /// What a network of a prediction type should predict of noised samples, `[batch, height, width, channels]`: ε, x₀, v = α ε − σ x₀ or
    /// u = ε − x₀.
    ///
    /// - Parameters:
    ///   - type: the prediction type; nil means the schedule's ``predictionType``.
    ///   - original: x₀, `[batch, height, width, channels]`.
    ///   - noise: ε, of the same shape.
    ///   - timesteps: one per sample.
    public func prediction(
        of type: PredictionType? = nil, original: Tensor, noise: Tensor, timesteps: [Int]
    ) -> Tensor {
        let type = type ?? predictionType
        if type == .epsilon { return noise }
        if type == .sample { return original }
        let factors = timesteps.map { level(at: $0).factors(of: type) }
        return noise * column(factors.map(\.noise)) + original * column(factors.map(\.original))
    }

    /// The levels as a run records them: ᾱ of every timestep, and σ² where it is not 1 − ᾱ.
    package var fingerprint: [Tensor] {
        (isFlowMatching ? [cumulativeAlphas, noiseVariances] : [cumulativeAlphas]).map { values in
            Tensor(values.map { Float($0) }, shape: [values.count])
        }
    }

    private func column(_ numbers: [Double]) -> Tensor {
        Tensor(perSample: numbers.map { Float($0) })
    }
}
