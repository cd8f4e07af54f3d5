import Autograd
import Foundation
import Tensor

/// f-distill (arXiv 2502.15681): distribution matching weighted so that it follows any f-divergence.
///
/// g = h(r) g_KL with h = f″(r) r², r = p/q the discriminator's ratio exp(D), and g_KL that of
/// ``DistributionMatchingDistillation``. Reverse KL has h = 1 and is DMD2's.
public struct FDivergenceDistillation: DistillationLoss, Equatable {
    /// What runs record.
    public static let name = "f-divergence-distillation"

    /// f, by its name.
    public enum Divergence: String, Codable, Sendable, CaseIterable {
        /// h = 1.
        case reverseKL
        /// h = 1/(1 + r).
        case softenedReverseKL
        /// h = r/(1 + r); ¼ or ½ of it where the divergence is scaled.
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

    /// f; the paper's best is Jensen and Shannon's.
    public var divergence = Divergence.jensenShannon
    /// κ of the teacher.
    public var teacherGuidanceScale = 1.75
    /// Where r is held; one it leaves makes one sample outweigh the batch.
    public var ratios = 1e-2...1e2
    /// Whether r is divided by its running mean near the same t, and h by its mean over the batch, as the paper does.
    public var isNormalized = true
    /// Equal parts of the timesteps, each with a running mean of r.
    public var bins = 10
    /// What survives of a running mean at each of its samples.
    public var decay = 0.99
    /// What g_KL is: DMD's quotient, or the exact gradient of the KL divergence at t, (α/σ) (ε_T − ε_F).
    public var isExact = false
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// The paper's settings at small guidance.
    public init() {}

    /// Passes of teacher and fake score, a discriminator, and the real latents that it learns from.
    public var needs: LossNeeds {
        [.teacher(guidedBy: teacherGuidanceScale), .fakeScore, .discriminator, .realLatents]
    }

    /// DMD2's.
    public var usualFakeScoreTraining: FakeScoreTraining { .dmd2 }

    /// g of each sample, `[batch, height, width, channels]`; reports `ratio`, the mean of r. Remembers the running means.
    public func gradient(_ input: LossInput) -> LossGradient {
        var memory = input.batch.memory
        var ratios = input.discriminatorLogits().value.scalars.map { held(exp(Double($0))) }
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

    private func held(_ ratio: Double) -> Double {
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

    /// r over its running mean, whose expectation is 1 under the student's pictures.
    private func normalized(_ raw: [Double], _ input: LossInput, _ memory: inout [String: Tensor]) -> [Double] {
        var means = memory["means"]?.scalars ?? [Float](repeating: 1, count: bins)
        let bin = input.timesteps.map { $0 * bins / input.schedule.timestepCount }
        for (index, value) in zip(bin, raw) { means[index] = Float(decay) * means[index] + Float((1 - decay) * value) }
        memory["means"] = Tensor(means, shape: [bins])
        return zip(bin, raw).map { $1 / Double(means[$0]) }
    }
}
