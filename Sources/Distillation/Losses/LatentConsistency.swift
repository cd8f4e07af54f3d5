import Autograd
import DiffusionModels
import Tensor

/// Latent consistency distillation (LCM, arXiv 2310.04378), on noised latents of real images.
///
/// L = √((f(x_t, t) − y)² + c²) − c for each element, y = f(x̂_u, u) held constant, u = t − k. x̂_u is one DDIM step from x_t
/// with the teacher guided by κ ~ U(κ_min, κ_max).
public struct LatentConsistency: DistillationLoss, Equatable {
    /// The name under which runs record the loss.
    public static let name = "latent-consistency"

    /// k, the number of timesteps that the DDIM step skips.
    public var skippedTimesteps = 20
    /// The range from which κ is sampled at every step. The paper writes ε(c) + w (ε(c) − ε(∅)): κ = w + 1.
    public var guidanceScales = 6.0...16.0
    /// c.
    public var huberConstant = 1e-3
    /// The range from which t is sampled; its lower bound is at least k.
    public var timesteps = 20..<1000

    /// LCM's settings, but with the student itself as target network instead of its average (arXiv 2310.14189).
    public init() {}

    /// Checks the settings. Throws ``DistillationError``.
    public func check() throws {
        for scale in [guidanceScales.lowerBound, guidanceScales.upperBound] {
            try Self.check(scale, "guidanceScales", in: SamplingSettings.guidanceScales)
        }
    }

    /// The teacher's predictions on noised real latents.
    public var needs: LossNeeds {
        let isGuided = guidanceScales != 1...1
        return isGuided
            ? [.teacher, .unconditionalTeacher, .realLatents, .noisedData] : [.teacher, .realLatents, .noisedData]
    }

    /// False.
    public var couplesSamples: Bool { false }

    /// g of each sample, `[batch, height, width, channels]`; reports `consistency`, the mean of L.
    public func gradient(_ input: LossInput) throws -> LossGradient {
        var stream = input.batch.stream
        let (low, high) = (guidanceScales.lowerBound, guidanceScales.upperBound)
        let scale = low + (high - low) * Double(stream.unit())
        let earlier = input.timesteps.map { max($0 - skippedTimesteps, 0) }
        let (original, epsilon) = (
            input.teacher.original(guidedBy: scale).value, input.teacher.epsilon(guidedBy: scale).value
        )
        let stepped = input.schedule.noisy(original, noise: epsilon, timesteps: earlier)
        let target = try target(of: stepped, at: earlier, input)
        let root = ((input.original - Variable(target)).squared() + Float(huberConstant * huberConstant)).squareRoot()
        return LossGradient(
            input.gradient(of: root), diagnostics: ["consistency": root.value.mean() - huberConstant])
    }

    /// f(x̂_u, u); at u = 0, where f is the identity, x̂_u itself.
    private func target(of stepped: Tensor, at timesteps: [Int], _ input: LossInput) throws -> Tensor {
        let predicted = try input.studentOriginal(of: stepped, at: timesteps)
        let isEnd = Tensor(perSample: timesteps.map { $0 == 0 ? 1 : 0 })
        return predicted + (stepped - predicted) * isEnd
    }
}
