import Autograd
import Foundation
import Tensor

/// A sampling in progress: a sequence of steps that the caller pulls, so that progress, previews and cancellation need no callbacks. A copy
/// continues independently.
///
/// At every step, latents are x = α x₀ + σ ε with the levels of the point's ``SamplingPoint/level``: α² + σ² = 1, including for samplers that
/// diffusers runs with α = 1, and in flow matching α + σ = 1.
///
/// ```swift
/// while let step = try sampler.next() { … }
/// ```
public struct DiffusionSampler: Sendable {
    private let denoiser: Denoiser
    private var sampler: any Sampler
    private let points: [SamplingPoint]
    private var index: Int
    private var latents: Tensor
    private var noise: LatentNoise
    private let inpainting: Inpainting?
    /// Warnings for the user: settings that are ignored, and a first timestep with little noise.
    public let warnings: [String]

    /// Starts a sampling from noise.
    ///
    /// - Parameters:
    ///   - sampler: how a step is made.
    ///   - network: the denoising network.
    ///   - predictionType: what it predicts.
    ///   - condition: the text condition, one per image.
    ///   - guidance: classifier-free guidance; nil for none.
    ///   - steps: the number of steps, at least 1.
    ///   - latents: the starting noise, N(0, 1), `[batch, height, width, channels]`.
    ///   - noise: the source of each step's noise, one stream per image; deterministic samplers use none.
    ///
    /// Throws ``ModelError`` for a number of steps that the sampler does not support, and for a network that predicts ε at a timestep with
    /// α = 0, where x₀ cannot be computed from ε.
    package init(
        _ sampler: any Sampler, network: any DenoisingNetwork, predictionType: PredictionType, condition: TextCondition,
        guidance: Guidance? = nil, steps: Int, latents: Tensor, noise: LatentNoise = LatentNoise(streams: [])
    ) throws {
        (self.sampler, self.noise) = (sampler, noise)
        let plan = try self.sampler.begin(steps: steps)
        denoiser = Denoiser(
            network: network, predictionType: predictionType, condition: condition, guidance: guidance)
        (points, index) = (plan.points, 0)
        try Self.check(points, predictionType, sampler.name)
        self.latents = latents * Float(plan.noiseScale)
        (warnings, inpainting) = (sampler.warnings + plan.startWarnings, nil)
    }

    /// Starts a sampling from an image's noised latents: image-to-image (SDEdit, arXiv 2108.01073).
    ///
    /// - Parameters:
    ///   - sampler: how a step is made.
    ///   - network: the denoising network.
    ///   - predictionType: what it predicts.
    ///   - condition: the text condition, one per image.
    ///   - guidance: classifier-free guidance; nil for none.
    ///   - steps: the number of steps from pure noise, at least 1.
    ///   - original: the image's latents, scaled as the network's, `[batch, height, width, channels]`.
    ///   - strength: the fraction of the steps that are made, above 0 and at most 1; 1 keeps nothing of the image.
    ///   - noise: the source of all noise, one stream per image.
    ///
    /// Throws as ``init(_:network:predictionType:condition:guidance:steps:latents:noise:)``.
    package init(
        _ sampler: any Sampler, network: any DenoisingNetwork, predictionType: PredictionType, condition: TextCondition,
        guidance: Guidance? = nil, steps: Int, original: Tensor, strength: Double, noise: LatentNoise
    ) throws {
        guard strength > 0, strength <= 1 else {
            throw ModelError.invalidArgument(
                operation: "DiffusionSampler", argument: "strength", expected: "above 0 and at most 1",
                found: "\(strength)")
        }
        (self.sampler, self.noise) = (sampler, noise)
        let plan = try self.sampler.begin(steps: steps)
        denoiser = Denoiser(
            network: network, predictionType: predictionType, condition: condition, guidance: guidance)
        points = plan.points
        index = Self.firstIndex(of: plan, steps: steps, strength: strength)
        try Self.check(points[index...], predictionType, sampler.name)
        latents = points[index].level.noisy(original, noise: self.noise.next(like: original))
        (warnings, inpainting) = (sampler.warnings, nil)
    }

    /// Starts a sampling that repaints an area of an image. The arguments are those of the other initialisers. Throws as they do.
    init(
        _ sampler: any Sampler, network: any DenoisingNetwork, predictionType: PredictionType, condition: TextCondition,
        guidance: Guidance?, steps: Int, inpainting: Inpainting, strength: Double, noise: LatentNoise
    ) throws {
        (self.sampler, self.noise, self.inpainting) = (sampler, noise, inpainting)
        let plan = try self.sampler.begin(steps: steps)
        let conditioned = inpainting.condition.map {
            ImageConditionedNetwork(network: network, condition: Variable($0))
        }
        denoiser = Denoiser(
            network: conditioned ?? network, predictionType: predictionType, condition: condition, guidance: guidance)
        points = plan.points
        index = Self.firstIndex(of: plan, steps: steps, strength: strength)
        try Self.check(points[index...], predictionType, sampler.name)
        latents = inpainting.start(at: points[index].level, noiseScale: plan.noiseScale, strength: strength)
        warnings = sampler.warnings
    }

    /// The first point of a sampling from an image.
    private static func firstIndex(of plan: SamplingPlan, steps: Int, strength: Double) -> Int {
        let skipped = steps - Swift.max(1, Int(Double(steps) * strength))
        return Swift.max(0, Swift.min(skipped * plan.evaluationsPerStep, plan.points.count - 1))
    }

    /// Evaluates the network once; nil after the last evaluation. Methods with two evaluations per step, such as Heun's, return both.
    ///
    /// Throws ``ModelError`` when the latents after it are infinite or not a number, and `CancellationError` in a cancelled task.
    public mutating func next() throws -> DenoisingStep? {
        guard index < points.count else { return nil }
        try Task.checkCancellation()
        let prediction = try denoiser.predict(latents, at: points[index])
        let before = latents.shape
        latents = sampler.step(prediction, at: index, noise: &noise)
        index += 1
        guard latents.shape == before else {
            throw ModelError.invalidArgument(
                operation: "\(sampler.name).step", argument: "output", expected: "\(before)", found: "\(latents.shape)")
        }
        if let inpainting {
            latents = inpainting.restored(latents, at: index < points.count ? points[index].level : nil)
        }
        guard latents.squaredNorm().isFinite else {
            throw ModelError.nonFiniteLatents(
                sampler: sampler.name, step: index, total: points.count, timestep: prediction.point.timestep)
        }
        return DenoisingStep(
            index: index - 1, total: points.count, timestep: prediction.point.timestep, latents: latents,
            predictedOriginal: prediction.original)
    }

    /// Makes all remaining steps and returns the last one. Throws as `next()`.
    public mutating func last() throws -> DenoisingStep? {
        var last: DenoisingStep?
        while let step = try next() { last = step }
        return last
    }

    /// Makes all remaining steps. Throws as `next()`.
    package mutating func remainingSteps() throws -> [DenoisingStep] {
        var steps: [DenoisingStep] = []
        while let step = try next() { steps.append(step) }
        return steps
    }

    private static func check(
        _ points: some Collection<SamplingPoint>, _ type: PredictionType, _ name: String
    ) throws {
        guard !points.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "\(name).begin", argument: "points", expected: "at least one", found: "none")
        }
        guard type == .epsilon, let point = points.first(where: { $0.level.alpha == 0 }) else { return }
        throw ModelError.noSignal(sampler: name, timestep: point.timestep)
    }
}

extension SamplingPlan {
    /// A warning if the network expects much signal at the first timestep, because part of the starting noise then remains in the image.
    var startWarnings: [String] {
        guard let first = points.first, startsFarFromNoise else { return [] }
        let share = String(format: "%.0f %%", first.level.sigma * first.level.sigma * 100)
        return [
            "the first timestep is \(String(format: "%g", first.timestep)), where a sample has \(share) noise, but sampling starts "
                + "from pure noise, much of which will remain; use more steps or trailing timesteps (--timestep-spacing trailing), "
                + "which start at a noisier timestep"
        ]
    }

    /// Whether signal is at least a quarter of the variance at the first point; the starting noise contains none.
    var startsFarFromNoise: Bool { points.first.map { $0.level.alpha * $0.level.alpha >= 0.25 } ?? false }
}
