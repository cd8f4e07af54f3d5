import Foundation
import Tensor

/// A multi-step sampler: a sequence of steps that the caller pulls, so that progress, preview and cancellation need no
/// callbacks. A copy samples on by itself.
///
/// Latents are at every step x = α x₀ + σ ε with α² + σ² = 1, also with the methods that diffusers runs at unit signal.
public struct DiffusionSampler: Sequence, IteratorProtocol {
    private let denoiser: Denoiser
    private let method: SamplingMethod
    private let points: [SamplingPoint]
    private var index: Int
    private var latents: Tensor
    private var noise: LatentNoise
    /// The x₀ of the step before, which methods of second order need.
    private var previousOriginal: Tensor?

    /// A sampler that starts from noise.
    ///
    /// - Parameters:
    ///   - method: how a step is made.
    ///   - network: predicts in the schedule's prediction type.
    ///   - schedule: the network's noise schedule, timestep spacing and clipping.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    ///   - guidance: classifier-free guidance; nil for none.
    ///   - steps: how many steps, at most the schedule's timesteps.
    ///   - latents: the starting noise, N(0, 1), `[batch, height, width, channels]`.
    ///   - noise: where the noise of each step comes from, one stream a picture; deterministic methods draw none.
    public init(
        _ method: SamplingMethod, network: any NoisePredictor, schedule: NoiseSchedule, condition: Tensor,
        guidance: Guidance? = nil, steps: Int, latents: Tensor, noise: LatentNoise = LatentNoise(streams: [])
    ) {
        method.check(steps: steps, on: schedule)
        denoiser = Denoiser(network: network, schedule: schedule, condition: condition, guidance: guidance)
        points = method.points(on: schedule, steps: steps)
        (self.method, self.noise) = (method, noise)
        self.latents = latents * Float(method.startScale(on: schedule, first: points[0]))
        index = 0
    }

    /// A sampler that starts from a picture's latents, noised: image to image (SDEdit, arXiv 2108.01073).
    ///
    /// - Parameters:
    ///   - method: how a step is made.
    ///   - network: predicts in the schedule's prediction type.
    ///   - schedule: the network's noise schedule, timestep spacing and clipping.
    ///   - condition: the prompts' text embeddings, `[batch, tokens, width]`.
    ///   - guidance: classifier-free guidance; nil for none.
    ///   - steps: how many steps would be made from noise, at most the schedule's timesteps.
    ///   - original: the picture's latents, scaled as the network's, `[batch, height, width, channels]`.
    ///   - strength: which share of the steps is made, above 0 and at most 1: 1 keeps nothing of the picture.
    ///   - noise: where all noise comes from, one stream a picture.
    public init(
        _ method: SamplingMethod, network: any NoisePredictor, schedule: NoiseSchedule, condition: Tensor,
        guidance: Guidance? = nil, steps: Int, original: Tensor, strength: Double, noise: LatentNoise
    ) {
        precondition(
            strength > 0 && strength <= 1,
            "DiffusionSampler: expected a strength above 0 and at most 1, found \(strength)")
        method.check(steps: steps, on: schedule)
        denoiser = Denoiser(network: network, schedule: schedule, condition: condition, guidance: guidance)
        points = method.points(on: schedule, steps: steps)
        (self.method, self.noise) = (method, noise)
        index = steps - Swift.max(1, Int(Double(steps) * strength))
        let level = points[index].level
        latents = original * Float(level.alpha) + self.noise.next(like: original) * Float(level.sigma)
    }

    /// Makes one step; nil after the last.
    public mutating func next() -> DenoisingStep? {
        guard index < points.count else { return nil }
        defer { index += 1 }
        let point = points[index]
        let (original, epsilon) = denoiser.predict(latents, at: point)
        step(from: point, original: original, epsilon: epsilon)
        previousOriginal = original
        return DenoisingStep(
            index: index, total: points.count, timestep: point.timestep, latents: latents, predictedOriginal: original)
    }

    /// The steps still to come.
    public var underestimatedCount: Int { points.count - index }

    private mutating func step(from point: SamplingPoint, original: Tensor, epsilon: Tensor) {
        switch method {
        case .ddim(let eta): implicitStep(from: point, original, epsilon, eta: eta)
        case .ddpm: ancestralStep(from: point, original)
        case .euler: combine(point.next.alpha, original, point.next.sigma, epsilon)
        case .eulerAncestral:
            // At unit signal: down to √(s′² − s_up²), then up by noise.
            let (here, there) = (point.level.ratio, point.next.ratio)
            let up = (there * there * (here * here - there * there)).squareRoot() / here
            let down = (there * there - up * up).squareRoot()
            combine(point.next.alpha, original, point.next.alpha * down, epsilon)
            latents += noise.next(like: latents) * Float(point.next.alpha * up)
        case .dpmSolver: secondOrderStep(from: point, original)
        case .latentConsistency: consistencyStep(from: point, original)
        }
    }

    private mutating func combine(_ a: Double, _ x: Tensor, _ b: Double, _ y: Tensor) {
        latents = x * Float(a) + y * Float(b)
    }

    /// Formulas 12 and 16 of the DDIM paper, whose α is ᾱ here.
    private mutating func implicitStep(
        from point: SamplingPoint, _ original: Tensor, _ epsilon: Tensor, eta: Double
    ) {
        let (here, there) = (point.level, point.next)
        let (now, next) = (here.alpha * here.alpha, there.alpha * there.alpha)
        let variance = Swift.max(eta * eta * (1 - next) / (1 - now) * (1 - now / next), 0)
        combine(there.alpha, original, Swift.max(1 - next - variance, 0).squareRoot(), epsilon)
        if eta > 0 { latents += noise.next(like: latents) * Float(variance.squareRoot()) }
    }

    /// Formula 7 of the DDPM paper, with the step's own α and β.
    private mutating func ancestralStep(from point: SamplingPoint, _ original: Tensor) {
        let now = point.level.alpha * point.level.alpha
        let next = point.next.alpha * point.next.alpha
        let alpha = now / next
        let beta = 1 - alpha
        combine(next.squareRoot() * beta / (1 - now), original, alpha.squareRoot() * (1 - next) / (1 - now), latents)
        guard point.timestep > 0 else { return }
        let posterior = Swift.max((1 - next) / (1 - now) * beta, 1e-20)
        let variance = denoiser.schedule.configuration.variance == .posterior ? posterior : beta
        latents += noise.next(like: latents) * Float(variance.squareRoot())
    }

    /// Algorithm 2 of the DPM-Solver++ paper, midpoint; of first order where there is no step before, and at the end.
    private mutating func secondOrderStep(from point: SamplingPoint, _ original: Tensor) {
        let (here, there) = (point.level, point.next)
        // e^(−h) with h the growth of log(α/σ); 0 at the end.
        let decay = there.ratio / here.ratio
        var target = original
        if let previousOriginal, index + 1 < points.count {
            let before = points[index - 1].level.ratio
            let share = log(here.ratio / there.ratio) / log(before / here.ratio) / 2
            target = original + (original - previousOriginal) * Float(share)
        }
        combine(there.sigma / here.sigma, latents, there.alpha * (1 - decay), target)
    }

    /// The boundary condition of the consistency function (c_skip, c_out), then noise down to the next level.
    private mutating func consistencyStep(from point: SamplingPoint, _ original: Tensor) {
        let (deviation, scaled) = (0.5, 10 * point.timestep)
        let norm = scaled * scaled + deviation * deviation
        combine(scaled / norm.squareRoot(), original, deviation * deviation / norm, latents)
        guard index + 1 < points.count else { return }
        combine(point.next.alpha, latents, point.next.sigma, noise.next(like: latents))
    }
}

extension SamplingMethod {
    fileprivate func check(steps: Int, on schedule: NoiseSchedule) {
        let limit = largestStepCount(on: schedule)
        precondition((1...limit).contains(steps), "DiffusionSampler: expected 1 to \(limit) steps, found \(steps)")
        if case .ddim(let eta) = self {
            precondition((0...1).contains(eta), "DiffusionSampler: expected eta from 0 to 1, found \(eta)")
        }
    }

    /// The most steps that the method can make on a schedule.
    func largestStepCount(on schedule: NoiseSchedule) -> Int {
        if case .latentConsistency(let originalSteps) = self { return min(originalSteps, schedule.timestepCount) }
        return schedule.timestepCount
    }
}
