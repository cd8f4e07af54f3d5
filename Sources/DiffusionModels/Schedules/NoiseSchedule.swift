import Foundation

/// A noise schedule: x_t = α_t x₀ + σ_t ε (DDPM, arXiv 2006.11239), which keeps the variance, α² + σ² = 1 and ᾱ = α², or goes along the
/// straight lines of flow matching, α + σ = 1.
///
/// The tables are Double. They agree with diffusers' Float32 tables within 2e-6.
public struct NoiseSchedule: Sendable, Equatable {
    /// The fields of its `scheduler_config.json`.
    public let configuration: Configuration
    /// ᾱ of every timestep, decreasing: α², the variance of the signal.
    public let cumulativeAlphas: [Double]
    /// σ² of every timestep, the variance of the noise: 1 − ᾱ, except in flow matching.
    public let noiseVariances: [Double]

    /// The number of training timesteps.
    public var timestepCount: Int { cumulativeAlphas.count }

    /// The network's prediction type.
    public var predictionType: PredictionType { configuration.predictionType }

    /// Whether samples go along the straight lines of flow matching.
    public var isFlowMatching: Bool { configuration.isFlowMatching }

    /// The schedule of a `scheduler_config.json`. Throws ``ModelError`` for a field that is out of range.
    public init(_ configuration: Configuration) throws {
        try configuration.check()
        self.init(checked: configuration)
    }

    private init(checked configuration: Configuration) {
        self.configuration = configuration
        if configuration.isFlowMatching {
            let levels = (0..<configuration.timestepCount).map { SignalLevel(flowTime: configuration.flowTime($0)) }
            cumulativeAlphas = levels.map { $0.alpha * $0.alpha }
            noiseVariances = levels.map { $0.sigma * $0.sigma }
            return
        }
        var product = 1.0
        let cumulative = Self.betas(configuration).map { beta in
            product *= 1 - beta
            return product
        }
        cumulativeAlphas = configuration.rescalesToZeroSignal ? Self.rescaled(cumulative) : cumulative
        noiseVariances = cumulativeAlphas.map { 1 - $0 }
    }

    /// The schedule of flow matching with 1000 timesteps, σ_t = t/1000, which diffusers' `FlowMatchEulerDiscreteScheduler` samples.
    ///
    /// - Parameter predictionType: what the network predicts; models of flow matching predict u.
    public static func flowMatching(predictionType: PredictionType = .flow) -> NoiseSchedule {
        var configuration = Configuration()
        configuration.className = FlowMatchEulerSampler.className
        configuration.timestepCount = 1000
        if predictionType != .flow { configuration.predictionType = predictionType }
        return NoiseSchedule(checked: configuration)
    }

    /// Stable Diffusion's schedule of 1000 timesteps, whose √β grows linearly from √0.00085 to √0.012.
    public static func scaledLinear(predictionType: PredictionType = .epsilon) -> NoiseSchedule {
        NoiseSchedule(checked: configuration(.scaledLinear, 0.00085, 0.012, 1000, predictionType))
    }

    /// A schedule whose √β grows linearly from `√firstBeta` to `√lastBeta`. Throws ``ModelError`` for a β that is not between 0 and 1, and
    /// for a number of timesteps below 1.
    public static func scaledLinear(
        from firstBeta: Double, to lastBeta: Double, timesteps: Int = 1000, predictionType: PredictionType = .epsilon
    ) throws -> NoiseSchedule {
        try NoiseSchedule(configuration(.scaledLinear, firstBeta, lastBeta, timesteps, predictionType))
    }

    /// DDPM's schedule of 1000 timesteps, whose β grows linearly from 0.0001 to 0.02.
    public static func linear(predictionType: PredictionType = .epsilon) -> NoiseSchedule {
        NoiseSchedule(checked: configuration(.linear, 0.0001, 0.02, 1000, predictionType))
    }

    /// A schedule whose β grows linearly. Throws as ``scaledLinear(from:to:timesteps:predictionType:)``.
    public static func linear(
        from firstBeta: Double, to lastBeta: Double, timesteps: Int = 1000, predictionType: PredictionType = .epsilon
    ) throws -> NoiseSchedule {
        try NoiseSchedule(configuration(.linear, firstBeta, lastBeta, timesteps, predictionType))
    }

    /// α and σ of a timestep.
    public func level(at timestep: Int) -> SignalLevel {
        SignalLevel(alpha: alpha(timestep), sigma: sigma(timestep))
    }

    /// α of a timestep, √ᾱ: the factor of x₀.
    public func alpha(_ timestep: Int) -> Double { cumulativeAlphas[timestep].squareRoot() }

    /// σ of a timestep: the factor of the noise.
    public func sigma(_ timestep: Int) -> Double { noiseVariances[timestep].squareRoot() }

    /// The signal-to-noise ratio α²/σ² of a timestep; infinite without noise.
    public func signalToNoiseRatio(_ timestep: Int) -> Double {
        cumulativeAlphas[timestep] / noiseVariances[timestep]
    }

    private static func configuration(
        _ rule: BetaSchedule, _ firstBeta: Double, _ lastBeta: Double, _ timesteps: Int, _ type: PredictionType
    ) -> Configuration {
        var configuration = Configuration.stableDiffusion
        configuration.betaSchedule = rule
        (configuration.firstBeta, configuration.lastBeta) = (firstBeta, lastBeta)
        configuration.timestepCount = timesteps
        configuration.predictionType = type
        return configuration
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
