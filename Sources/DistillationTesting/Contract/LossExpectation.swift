import Distillation
import Foundation

/// What theory says of a loss, as far as its author knows it: each statement adds checks to its ``LossContract``.
public struct LossExpectation: Sendable {
    /// Where a student that follows the loss ends, on data N(m, s²).
    public enum Optimum: Sendable, Equatable {
        /// At the data.
        case data
        /// At its mean, without variety.
        case collapse
        /// Nowhere that is known in general.
        case unknown
    }

    /// Which modes of a mixture particles end in that start between them.
    public enum Coverage: Sendable, Equatable {
        /// In all, in their shares.
        case modes
        /// In one.
        case one
        /// Not known: a weight that is largest where there is little noise moves particles within their mode alone.
        case unknown
    }

    /// Where it ends with guidance, on the linear-Gaussian family.
    public enum GuidedOptimum: Sendable, Equatable {
        /// At the teacher without guidance.
        case teacher
        /// Further along the condition than the teacher without guidance.
        case further
        /// Nowhere that is known in general.
        case unknown
    }

    /// Expected gradients on the generator's mean and deviation.
    public struct Pull: Sendable {
        /// ∂L/∂μ.
        public var mean: Double
        /// ∂L/∂τ.
        public var deviation: Double

        /// A pull of these parts.
        public init(mean: Double, deviation: Double) { (self.mean, self.deviation) = (mean, deviation) }
    }

    /// Where a student ends without guidance.
    public var optimum: Optimum
    /// Which modes it covers.
    public var coverage: Coverage
    /// Where it ends with the loss's own guidance scales.
    public var guidedOptimum = GuidedOptimum.unknown
    /// Whether g is exactly zero where both networks say the same.
    public var vanishesAtAgreement: Bool
    /// Whether a sample's g depends on that sample alone.
    public var isPerSample = true
    /// g of one sample in closed form: the loss's formula, written a second time in Double.
    public var gradient: (@Sendable (ReferenceSample) -> [Double])?
    /// L of one sample, whose derivative by x̂₀ is g. The second argument is the sample where the loss is differentiated:
    /// what the loss holds constant is taken from there.
    public var objective: (@Sendable (ReferenceSample, _ fixed: ReferenceSample) -> Double)?
    /// E[g] on mean and deviation in closed form, at a timestep, for data N(m, s²) and a generator N(μ, τ²).
    public var pull: (@Sendable (GaussianCase) -> Pull)?
    /// The divergence that E[g] is the gradient of, at a timestep.
    public var divergence: (@Sendable (GaussianCase) -> Double)?

    /// An expectation of these parts; what is left out is set afterwards, or not known.
    public init(optimum: Optimum, vanishesAtAgreement: Bool) {
        (self.optimum, self.vanishesAtAgreement) = (optimum, vanishesAtAgreement)
        coverage = optimum == .data ? .modes : optimum == .collapse ? .one : .unknown
    }

    /// Of a loss that matches the student's distribution to the data's.
    public static var matchesData: LossExpectation { LossExpectation(optimum: .data, vanishesAtAgreement: true) }
    /// Of a loss that does something else besides a matching one.
    public static var isTerm: LossExpectation { LossExpectation(optimum: .unknown, vanishesAtAgreement: false) }
}

/// Data N(m, s²) and a generator N(μ, τ²) at one timestep.
public struct GaussianCase: Sendable {
    /// α and σ of the timestep.
    public let alpha, sigma: Double
    /// m and s.
    public let dataMean, dataDeviation: Double
    /// μ and τ.
    public let mean, deviation: Double
    /// ω(t) of a weight.
    public let weight: @Sendable (TimestepWeight) -> Double

    /// V = α² s² + σ².
    public var dataVariance: Double { alpha * alpha * dataDeviation * dataDeviation + sigma * sigma }
    /// W = α² τ² + σ².
    public var variance: Double { alpha * alpha * deviation * deviation + sigma * sigma }

    /// KL(q_t ‖ p_t) = ½ [W/V + α² (μ − m)²/V − 1 − ln(W/V)].
    public var reverseKL: Double {
        let distance = alpha * (mean - dataMean)
        let ratio = variance / dataVariance
        return 0.5 * (ratio + distance * distance / dataVariance - 1 - log(ratio))
    }

    /// The gradient of ``reverseKL``: α² (μ − m)/V and α² τ (1/V − 1/W).
    public var reverseKLPull: LossExpectation.Pull {
        let square = alpha * alpha
        return .init(
            mean: square * (mean - dataMean) / dataVariance,
            deviation: square * deviation * (1 / dataVariance - 1 / variance))
    }

    /// The same with another generator.
    func moved(mean: Double, deviation: Double) -> GaussianCase {
        GaussianCase(
            alpha: alpha, sigma: sigma, dataMean: dataMean, dataDeviation: dataDeviation, mean: mean,
            deviation: deviation, weight: weight)
    }
}
