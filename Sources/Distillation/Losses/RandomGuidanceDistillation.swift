import Autograd
import DiffusionModels

/// Variational score distillation under a random guidance scale: PG-SB of SNOOPI (arXiv 2412.02687).
///
/// g = ω(t) (ε̂_T − ε̂_F), both guided by the same κ ~ U(κ_min, κ_max), sampled anew at every step.
public struct RandomGuidanceDistillation: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "random-guidance-distillation"

    /// The range from which κ is sampled: SNOOPI's for Stable Diffusion; it uses (0.5, 3) for PixArt.
    public var guidanceScales = 0.5...4.0
    /// ω.
    public var weight = TimestepWeight.noise
    /// Timesteps are sampled uniformly from this range.
    public var timesteps = 20..<981

    /// SNOOPI's settings for Stable Diffusion.
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        for scale in [guidanceScales.lowerBound, guidanceScales.upperBound] {
            try Self.check(scale, "guidanceScales", in: SamplingSettings.guidanceScales)
        }
    }

    /// Predictions of teacher and fake score, with and without the prompt.
    public var needs: LossNeeds { [.teacher, .unconditionalTeacher, .fakeScore, .unconditionalFakeScore] }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`; reports `guidanceScale`.
    public func gradient(_ input: LossInput) -> LossGradient {
        var stream = input.batch.stream
        let (low, high) = (guidanceScales.lowerBound, guidanceScales.upperBound)
        let scale = low + (high - low) * Double(stream.unit())
        let difference = input.teacher.epsilon(guidedBy: scale) - input.fakeScore.epsilon(guidedBy: scale)
        return LossGradient(difference * input.weights(weight), diagnostics: ["guidanceScale": scale])
    }
}
