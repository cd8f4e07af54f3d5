import Distillation
import Foundation

/// The theoretical properties of a loss that its author knows: each adds checks to the ``LossContract``.
public struct LossExpectation: Sendable {
    /// Where a student converges on data N(m, s²).
    public enum Optimum: Sendable, Equatable {
        /// At the data distribution.
        case data
        /// At the mean of the data, with zero deviation.
        case collapse
        /// Not known in general.
        case unknown
    }

    /// Which modes of a mixture are covered by particles that start between the modes.
    public enum Coverage: Sendable, Equatable {
        /// All modes, in proportion to their weights.
        case modes
        /// One mode.
        case one
        /// Not known. For example, a timestep weight that is largest at low noise only moves particles within their mode.
        case unknown
    }

    /// Where a student converges with guidance, on the linear-Gaussian family.
    public enum GuidedOptimum: Sendable, Equatable {
        /// At the unguided teacher.
        case teacher
        /// Further along the condition than the unguided teacher.
        case further
        /// Not known in general.
        case unknown
    }

    /// The expected gradient with respect to the generator's mean and standard deviation.
    public struct Pull: Sendable {
        /// ∂L/∂μ.
        public var mean: Double
        /// ∂L/∂τ.
        public var deviation: Double

        /// An expected gradient with these components.
        public init(mean: Double, deviation: Double) { (self.mean, self.deviation) = (mean, deviation) }
    }

    /// Where a student converges without guidance.
    public var optimum: Optimum
    /// Which modes of a mixture a student covers.
    public var coverage: Coverage
    /// Where a student converges with the loss's own guidance scales.
    public var guidedOptimum = GuidedOptimum.unknown
    /// Whether g is exactly zero where both networks predict the same.
    public var vanishesAtAgreement: Bool
    /// Whether a sample's g depends on that sample alone.
    public var isPerSample = true
    /// Whether g treats all elements of a sample alike, however they are arranged in height, width and channels; false for a loss with
    /// filters, patches or weights of its own per channel.
    public var treatsElementsAlike = true
    /// The loss that it equals where the guidance term has the timesteps and noise of the other; nil for a loss without such a term.
    public var atEqualTimesteps: (any DistillationLoss)?
    /// The loss that it equals at the student's steps after the first; nil for a loss that is the same at all of them.
    public var atLaterSteps: (any DistillationLoss)?
    /// Whether a student collapses with a fake score that learns 25 times too slowly, and reaches the data with the same one if it is
    /// aligned with the student.
    public var needsTimelyFakeScore = false
    /// g of one sample in closed form: an independent version of the loss's formula, in Double.
    public var gradient: (@Sendable (ReferenceSample) -> [Double])?
    /// L of one sample, whose derivative with respect to x̂₀ is g. The second argument is the sample at which the loss is
    /// differentiated: values behind a stop-gradient are computed from it.
    public var objective: (@Sendable (ReferenceSample, _ fixed: ReferenceSample) -> Double)?
    /// E[g] on the mean and standard deviation in closed form, at one timestep, for samples of one element, data N(m, s²) and a generator N(μ, τ²).
    public var pull: (@Sendable (GaussianCase) -> Pull)?
    /// The divergence whose gradient is E[g], at one timestep, for samples of one element.
    public var divergence: (@Sendable (GaussianCase) -> Double)?

    /// An expectation with these properties; the others are set afterwards or remain unknown.
    public init(optimum: Optimum, vanishesAtAgreement: Bool) {
        (self.optimum, self.vanishesAtAgreement) = (optimum, vanishesAtAgreement)
        coverage = optimum == .data ? .modes : optimum == .collapse ? .one : .unknown
    }

    /// The expectation of a loss that matches the student's distribution to the data's.
    public static var matchesData: LossExpectation { LossExpectation(optimum: .data, vanishesAtAgreement: true) }
    /// The expectation of a loss without a known optimum, such as a term that is added to a matching loss.
    public static var isTerm: LossExpectation { LossExpectation(optimum: .unknown, vanishesAtAgreement: false) }
}

/// Data N(m, s²) and a generator N(μ, τ²) at one timestep.
public struct GaussianCase: Sendable {
    /// α and σ of the timestep.
    public let alpha, sigma: Double
    /// m and s, the mean and standard deviation of the data.
    public let dataMean, dataDeviation: Double
    /// μ and τ, the mean and standard deviation of the generator.
    public let mean, deviation: Double
    /// ω(t) of a `TimestepWeight` at the timestep.
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

    /// The same case with another generator.
    func moved(mean: Double, deviation: Double) -> GaussianCase {
        GaussianCase(
            alpha: alpha, sigma: sigma, dataMean: dataMean, dataDeviation: dataDeviation, mean: mean,
            deviation: deviation, weight: weight)
    }
}
