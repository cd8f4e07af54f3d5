import Autograd
import Foundation
import Tensor

/// How much signal and noise a sample has: x = α x₀ + σ ε with α² + σ² = 1.
///
/// It alone turns predictions of ε, x₀ and v = α ε − σ x₀ into each other.
public struct SignalLevel: Sendable, Equatable {
    /// α: the share of the original.
    public let alpha: Double
    /// σ: the share of the noise.
    public let sigma: Double

    /// The level of ᾱ = α², from 0 to 1.
    public init(cumulativeAlpha: Double) {
        (alpha, sigma) = (cumulativeAlpha.squareRoot(), (1 - cumulativeAlpha).squareRoot())
    }

    /// The level of a noise-to-signal ratio σ/α, the σ of arXiv 2206.00364.
    public init(ratio: Double) {
        alpha = 1 / (1 + ratio * ratio).squareRoot()
        sigma = ratio * alpha
    }

    /// No noise: α = 1, σ = 0.
    public static let clean = SignalLevel(cumulativeAlpha: 1)

    /// The noise-to-signal ratio σ/α; infinite where there is no signal.
    public var ratio: Double { sigma / alpha }

    /// λ = log(α/σ) of arXiv 2206.00927; infinite where there is no noise.
    public var logSignalToNoise: Double { log(alpha) - log(sigma) }

    /// α x₀ + σ ε.
    ///
    /// - Parameters:
    ///   - original: x₀.
    ///   - noise: ε, of the same shape.
    public func noisy(_ original: Tensor, noise: Tensor) -> Tensor { original * Float(alpha) + noise * Float(sigma) }

    /// The weights with which x and a prediction of type `source` add up to one of type `target`.
    ///
    /// Infinite for ε to x₀ or v without signal, and for x₀ to ε or v without noise.
    func weights(
        from source: PredictionType, to target: PredictionType
    ) -> (noisy: Double, prediction: Double) {
        switch (source, target) {
        case (.epsilon, .epsilon), (.sample, .sample), (.velocity, .velocity): (0, 1)
        case (.epsilon, .sample): (1 / alpha, -sigma / alpha)
        case (.epsilon, .velocity): (-sigma / alpha, 1 / alpha)
        case (.sample, .epsilon): (1 / sigma, -alpha / sigma)
        case (.sample, .velocity): (alpha / sigma, -1 / sigma)
        case (.velocity, .epsilon): (sigma, alpha)
        case (.velocity, .sample): (alpha, -sigma)
        }
    }

    /// What a prediction means as another type.
    ///
    /// - Parameters:
    ///   - prediction: the network's output.
    ///   - source: its type.
    ///   - target: the type wanted.
    ///   - noisy: x, which the network was given, of the same shape.
    public func convert(
        _ prediction: Tensor, from source: PredictionType, to target: PredictionType, noisy: Tensor
    ) -> Tensor {
        if source == target { return prediction }
        let weights = weights(from: source, to: target)
        return noisy * Float(weights.noisy) + prediction * Float(weights.prediction)
    }

    /// What a prediction means as another type; gradients flow into both.
    public func convert(
        _ prediction: Variable, from source: PredictionType, to target: PredictionType, noisy: Variable
    ) -> Variable {
        if source == target { return prediction }
        let weights = weights(from: source, to: target)
        return noisy * Float(weights.noisy) + prediction * Float(weights.prediction)
    }
}
