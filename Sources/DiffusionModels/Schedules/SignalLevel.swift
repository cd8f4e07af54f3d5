import Autograd
import Foundation
import Tensor

/// The signal and noise levels of a sample x = α x₀ + σ ε.
///
/// Diffusion models keep the variance, α² + σ² = 1; flow matching goes along straight lines, α + σ = 1. All conversions between predictions
/// of ε, x₀, v and u are implemented here, for any α and σ.
public struct SignalLevel: Sendable, Equatable {
    /// α: the factor of x₀.
    public let alpha: Double
    /// σ: the factor of the noise.
    public let sigma: Double

    /// The level with these factors, of which at least one is above 0.
    public init(alpha: Double, sigma: Double) { (self.alpha, self.sigma) = (alpha, sigma) }

    /// The level of ᾱ = α², from 0 to 1, in a schedule that keeps the variance.
    public init(cumulativeAlpha: Double) {
        self.init(alpha: cumulativeAlpha.squareRoot(), sigma: (1 - cumulativeAlpha).squareRoot())
    }

    /// The level of a noise-to-signal ratio σ/α, the σ of arXiv 2206.00364, in a schedule that keeps the variance.
    public init(ratio: Double) {
        let alpha = 1 / (1 + ratio * ratio).squareRoot()
        self.init(alpha: alpha, sigma: ratio * alpha)
    }

    /// The level of a time of flow matching, from 0, without noise, to 1, without signal: α = 1 − time, σ = time (arXiv 2209.03003).
    public init(flowTime time: Double) { self.init(alpha: 1 - time, sigma: time) }

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

    /// What a prediction of a type is: its factors of x₀ and ε.
    func factors(of type: PredictionType) -> (original: Double, noise: Double) {
        switch type {
        case .epsilon: (0, 1)
        case .sample: (1, 0)
        case .velocity: (-sigma, alpha)
        case .flow: (-1, 1)
        }
    }

    /// The weights of x and of a prediction of type `source` whose weighted sum is a prediction of type `target`.
    ///
    /// Infinite for ε to another type without signal, and for x₀ to another type without noise.
    func weights(
        from source: PredictionType, to target: PredictionType
    ) -> (noisy: Double, prediction: Double) {
        if source == target { return (0, 1) }
        // x and the prediction are two linear combinations of x₀ and ε, and the target is a third.
        let (given, wanted) = (factors(of: source), factors(of: target))
        let determinant = alpha * given.noise - sigma * given.original
        return (
            (wanted.original * given.noise - wanted.noise * given.original) / determinant,
            (wanted.noise * alpha - wanted.original * sigma) / determinant
        )
    }

    /// The error of a prediction of type `target` for an error of 1 of the prediction of type `source` from which it is converted: |w| of the
    /// conversion; infinite for ε to x₀ without signal, and for x₀ to ε without noise.
    public func error(of target: PredictionType, from source: PredictionType) -> Double {
        abs(weights(from: source, to: target).prediction)
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
