import Autograd
import Foundation
import Tensor

/// The signal and noise levels of a sample x = α x₀ + σ ε, with α² + σ² = 1.
///
/// All conversions between predictions of ε, x₀ and v = α ε − σ x₀ are implemented here.
public struct SignalLevel: Sendable, Equatable {
    /// α: the factor of x₀.
    public let alpha: Double
    /// σ: the factor of the noise.
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

    /// A noised sample α x₀ + σ ε.
    ///
    /// - Parameters:
    ///   - original: x₀.
    ///   - noise: ε, of the same shape.
    public func noisy(_ original: Tensor, noise: Tensor) -> Tensor { original * Float(alpha) + noise * Float(sigma) }

    /// The weights of x and of a prediction of type `source` whose weighted sum is a prediction of type `target`.
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

    /// Converts a prediction to another type.
    ///
    /// - Parameters:
    ///   - prediction: the network's output.
    ///   - source: the prediction's type.
    ///   - target: the type to convert to.
    ///   - noisy: x, the network's input, of the same shape.
    public func convert(
        _ prediction: Tensor, from source: PredictionType, to target: PredictionType, noisy: Tensor
    ) -> Tensor {
        if source == target { return prediction }
        let weights = weights(from: source, to: target)
        return noisy * Float(weights.noisy) + prediction * Float(weights.prediction)
    }

    /// Converts a prediction to another type; gradients flow to the prediction and to `noisy`.
    public func convert(
        _ prediction: Variable, from source: PredictionType, to target: PredictionType, noisy: Variable
    ) -> Variable {
        if source == target { return prediction }
        let weights = weights(from: source, to: target)
        return noisy * Float(weights.noisy) + prediction * Float(weights.prediction)
    }
}
