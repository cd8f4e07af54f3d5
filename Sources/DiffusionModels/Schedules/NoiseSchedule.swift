import Foundation

/// A noise schedule: x_t = α_t x₀ + σ_t ε with α² + σ² = 1 and ᾱ = α² (DDPM, arXiv 2006.11239).
///
/// The tables are Double. They agree with diffusers' Float32 tables within 2e-6.
public struct NoiseSchedule: Sendable, Equatable {
    /// The fields of its `scheduler_config.json`.
    public let configuration: Configuration
    /// ᾱ of every timestep, decreasing.
    public let cumulativeAlphas: [Double]

    /// The number of training timesteps.
    public var timestepCount: Int { cumulativeAlphas.count }

    /// The network's prediction type.
    public var predictionType: PredictionType { configuration.predictionType }

    /// The schedule of a `scheduler_config.json`.
    public init(_ configuration: Configuration) {
        self.configuration = configuration
        var product = 1.0
        let cumulative = Self.betas(configuration).map { beta in
            product *= 1 - beta
            return product
        }
        cumulativeAlphas = configuration.rescalesToZeroSignal ? Self.rescaled(cumulative) : cumulative
    }

    /// A schedule whose √β grows linearly from `√firstBeta` to `√lastBeta`; the defaults are Stable Diffusion's.
    public static func scaledLinear(
        from firstBeta: Double = 0.00085, to lastBeta: Double = 0.012, timesteps: Int = 1000,
        predictionType: PredictionType = .epsilon
    ) -> NoiseSchedule {
        make(.scaledLinear, firstBeta, lastBeta, timesteps, predictionType)
    }

    /// A schedule whose β grows linearly; the defaults are DDPM's.
    public static func linear(
        from firstBeta: Double = 0.0001, to lastBeta: Double = 0.02, timesteps: Int = 1000,
        predictionType: PredictionType = .epsilon
    ) -> NoiseSchedule {
        make(.linear, firstBeta, lastBeta, timesteps, predictionType)
    }

    /// α and σ of a timestep.
    public func level(at timestep: Int) -> SignalLevel { SignalLevel(cumulativeAlpha: cumulativeAlphas[timestep]) }

    /// α of a timestep, √ᾱ: the factor of x₀.
    public func alpha(_ timestep: Int) -> Double { cumulativeAlphas[timestep].squareRoot() }

    /// σ of a timestep, √(1 − ᾱ): the factor of the noise.
    public func sigma(_ timestep: Int) -> Double { (1 - cumulativeAlphas[timestep]).squareRoot() }

    /// The signal-to-noise ratio α²/σ² of a timestep.
    public func signalToNoiseRatio(_ timestep: Int) -> Double {
        cumulativeAlphas[timestep] / (1 - cumulativeAlphas[timestep])
    }

    private static func make(
        _ rule: BetaSchedule, _ firstBeta: Double, _ lastBeta: Double, _ timesteps: Int, _ type: PredictionType
    ) -> NoiseSchedule {
        var configuration = Configuration.stableDiffusion
        configuration.betaSchedule = rule
        (configuration.firstBeta, configuration.lastBeta) = (firstBeta, lastBeta)
        configuration.timestepCount = timesteps
        configuration.predictionType = type
        return NoiseSchedule(configuration)
    }
}

extension NoiseSchedule {
    private static func betas(_ configuration: Configuration) -> [Double] {
        if let trained = configuration.trainedBetas { return trained }
        let count = configuration.timestepCount
        func evenly(_ first: Double, _ last: Double) -> [Double] {
            (0..<count).map { first + (last - first) * Double($0) / Double(max(count - 1, 1)) }
        }
        switch configuration.betaSchedule {
        case .linear:
            return evenly(configuration.firstBeta, configuration.lastBeta)
        case .scaledLinear:
            return evenly(configuration.firstBeta.squareRoot(), configuration.lastBeta.squareRoot()).map { $0 * $0 }
        case .squaredCosine: return squaredCosineBetas(count: count)
        }
    }

    /// The β of an ᾱ that decreases as a squared cosine.
    static func squaredCosineBetas(count: Int) -> [Double] {
        func remaining(_ time: Double) -> Double { pow(cos((time + 0.008) / 1.008 * .pi / 2), 2) }
        return (0..<count).map { index in
            let ratio = remaining(Double(index + 1) / Double(count)) / remaining(Double(index) / Double(count))
            return min(1 - ratio, 0.999)
        }
    }

    /// Shifts and scales √ᾱ so that its last value is zero and the first is unchanged (arXiv 2305.08891, Algorithm 1).
    private static func rescaled(_ cumulative: [Double]) -> [Double] {
        guard let first = cumulative.first?.squareRoot(), let last = cumulative.last?.squareRoot(), first > last
        else { return cumulative }
        return cumulative.map { value in
            let root = (value.squareRoot() - last) * first / (first - last)
            return root * root
        }
    }
}
