import Autograd
import DiffusionModels
import Foundation
import Tensor

/// f-distill (arXiv 2502.15681): distribution matching, weighted to minimise any f-divergence.
///
/// g = h(r) g_KL with h = f″(r) r², r = p/q the discriminator's ratio exp(D), and g_KL that of
/// ``DistributionMatchingDistillation``. Reverse KL has h = 1 and is DMD2's loss.
public struct FDivergenceDistillation: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "f-divergence-distillation"

    /// f, an f-divergence.
    public enum Divergence: String, Codable, Sendable, CaseIterable {
        /// h = 1.
        case reverseKL
        /// h = 1/(1 + r).
        case softenedReverseKL
        /// h = r/(1 + r); scaled variants have ¼ or ½ of it.
        case jensenShannon
        /// h = √r.
        case squaredHellinger
        /// h = r.
        case forwardKL
        /// h = 1 + r.
        case jeffreys
        /// h = 1/r.
        case neyman

        /// h(r).
        public func weight(_ r: Double) -> Double {
            switch self {
            case .reverseKL: 1
            case .softenedReverseKL: 1 / (1 + r)
            case .jensenShannon: r / (1 + r)
            case .squaredHellinger: r.squareRoot()
            case .forwardKL: r
            case .jeffreys: 1 + r
            case .neyman: 1 / r
            }
        }
    }

    /// f; the Jensen–Shannon divergence is the paper's best.
    public var divergence = Divergence.jensenShannon
    /// κ of the teacher.
    public var teacherGuidanceScale = 1.75
    /// The range to which r is clamped, so that no sample outweighs the batch.
    public var ratios = 1e-2...1e2
    /// Whether r is divided by its running mean near the same t, and h by its mean over the batch, as the paper does.
    public var isNormalized = true
    /// The number of equal bins of timesteps, each with a running mean of r.
    public var bins = 10
    /// The decay of a running mean per sample in its bin.
    public var decay = 0.99
    /// Whether g_KL is the exact gradient of the KL divergence at t, (α/σ) (ε_T − ε_F), instead of DMD's quotient.
    public var isExact = false
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The paper's settings at small guidance.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        try Self.check(teacherGuidanceScale, "teacherGuidanceScale", in: SamplingSettings.guidanceScales)
    }

    /// Predictions of teacher and fake score, a discriminator, and the real latents that it is trained on.
    public var needs: LossNeeds {
        [.teacher(guidedBy: teacherGuidanceScale), .fakeScore, .discriminator, .realLatents]
    }

    /// DMD2's training of the fake score.
    public var usualFakeScoreTraining: FakeScoreTraining { .dmd2 }

    /// Whether it divides by means over the batch.
    public var couplesSamples: Bool { isNormalized }

    /// g of each sample, `[batch, height, width, channels]`; reports `ratio`, the mean of r, and keeps the running means in its memory.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        var memory = input.batch.memory
        var ratios = try input.discriminatorLogits().value.scalars.map { clamped(exp(Double($0))) }
        if isNormalized { ratios = normalized(ratios, input, &memory) }
        var weights = ratios.map(divergence.weight)
        if isNormalized {
            let mean = weights.reduce(0, +) / Double(weights.count)
            weights = weights.map { $0 / mean }
        }
        let column = Tensor(perSample: weights.map { Float($0) })
        return LossGradient(
            matching(input) * column, diagnostics: ["ratio": ratios.reduce(0, +) / Double(ratios.count)],
            memory: memory)
    }

    private func clamped(_ ratio: Double) -> Double {
        ratio.isNaN ? ratio : min(max(ratio, ratios.lowerBound), ratios.upperBound)
    }

    private func matching(_ input: LossInput) -> Tensor {
        if isExact {
            let teacher = input.teacher.epsilon(guidedBy: teacherGuidanceScale)
            return ((teacher - input.fakeScore.epsilon()) * input.weights(.divergence)).value
        }
        var matching = DistributionMatchingDistillation()
        matching.teacherGuidanceScale = teacherGuidanceScale
        return matching.gradient(input).value
    }

    /// r divided by its running mean; the expectation of r is 1 over the student's samples.
    private func normalized(_ raw: [Double], _ input: LossInput, _ memory: inout [String: Tensor]) -> [Double] {
        var means = memory["means"]?.scalars ?? [Float](repeating: 1, count: bins)
        let bin = input.timesteps.map { $0 * bins / input.schedule.timestepCount }
        for (index, value) in zip(bin, raw) { means[index] = Float(decay) * means[index] + Float((1 - decay) * value) }
        memory["means"] = Tensor(means, shape: [bins])
        return zip(bin, raw).map { $1 / Double(means[$0]) }
    }
}
