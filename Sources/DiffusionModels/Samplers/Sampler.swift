import Tensor

/// A sampler: it chooses the timesteps at which the network is evaluated, and updates the latents with the network's output.
///
/// The shipped samplers are those of ``ShippedSamplers``, which agree with diffusers' schedulers of the same configuration. A custom sampler
/// implements these two functions:
///
/// ```swift
/// struct Euler: Sampler {
///     let name = "my Euler"
///     let schedule: NoiseSchedule
///     var points: [SamplingPoint] = []
///     mutating func begin(steps: Int) throws -> SamplingPlan {
///         points = (1...steps).reversed().map { SamplingPoint(timestep: 999 * $0 / steps, on: schedule) }
///         return SamplingPlan(points)
///     }
///     func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor {
///         let next = index + 1 < points.count ? points[index + 1].level : .clean
///         return next.noisy(prediction.original, noise: prediction.epsilon)
///     }
/// }
/// ```
public protocol Sampler: Sendable {
    /// The sampler's name in the metadata of image files.
    var name: String { get }
    /// The sampler's settings by name, as recorded in the metadata of image files.
    var record: [String: String] { get }
    /// Warnings for the user about the configuration: settings that are ignored or were changed.
    var warnings: [String] { get }

    /// Starts a sampling and discards the state of an earlier one.
    ///
    /// - Parameter steps: the number of steps, at least 1.
    ///
    /// Throws ``ModelError`` for a number of steps that the sampler does not support.
    mutating func begin(steps: Int) throws -> SamplingPlan

    /// The latents after a step.
    ///
    /// - Parameters:
    ///   - prediction: the network's prediction for the latents, `[batch, height, width, channels]`.
    ///   - index: the index of the plan's point. The first is not always 0: when starting from an image, only the last steps are made.
    ///   - noise: the source of new noise.
    mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor
}

extension Sampler {
    /// The sampler's name alone, by default.
    public var record: [String: String] { ["method": name] }
    /// No warnings, by default.
    public var warnings: [String] { [] }
}

/// A point at which a sampler evaluates the network.
public struct SamplingPoint: Sendable, Equatable {
    /// The timestep passed to the network; it may be fractional.
    public let timestep: Double
    /// The signal and noise levels of the latents at this point.
    public let level: SignalLevel

    /// A point with a timestep and its level.
    public init(timestep: Double, level: SignalLevel) {
        (self.timestep, self.level) = (timestep, level)
    }

    /// The point of an integer timestep of a schedule.
    public init(timestep: Int, on schedule: NoiseSchedule) {
        self.init(timestep: Double(timestep), level: schedule.level(at: timestep))
    }
}

/// The network evaluations of a sampling, from the most noise to the least.
public struct SamplingPlan: Sendable, Equatable {
    /// The points at which the network is evaluated.
    public let points: [SamplingPoint]
    /// The number of evaluations per step, 2 for methods that evaluate the network twice. The last step may have fewer.
    public let evaluationsPerStep: Int
    /// The scale of the starting noise in the first latents.
    public let noiseScale: Double

    /// A plan with these points.
    public init(_ points: [SamplingPoint], evaluationsPerStep: Int = 1, noiseScale: Double = 1) {
        (self.points, self.evaluationsPerStep, self.noiseScale) = (points, evaluationsPerStep, noiseScale)
    }
}

/// A network's prediction for latents at a sampling point.
public struct NetworkPrediction: Sendable {
    /// The network's input x = α x₀ + σ ε, `[batch, height, width, channels]`.
    public let latents: Tensor
    /// The network's output after guidance, of the same shape.
    public let output: Tensor
    /// The prediction type of the output.
    public let type: PredictionType
    /// The point at which the network was evaluated.
    public let point: SamplingPoint

    /// A prediction with these properties.
    public init(latents: Tensor, output: Tensor, type: PredictionType, point: SamplingPoint) {
        (self.latents, self.output, self.type, self.point) = (latents, output, type, point)
    }

    /// The predicted x₀.
    public var original: Tensor { point.level.convert(output, from: type, to: .sample, noisy: latents) }

    /// The predicted ε.
    public var epsilon: Tensor { point.level.convert(output, from: type, to: .epsilon, noisy: latents) }
}

extension Tensor {
    /// The linear combination Σ w x, with weights in Double.
    static func combination(_ terms: (weight: Double, tensor: Tensor)...) -> Tensor { combination(terms) }

    /// The linear combination Σ w x of at least one term.
    static func combination(_ terms: [(weight: Double, tensor: Tensor)]) -> Tensor {
        require(!terms.isEmpty, "Tensor.combination: expected at least one term, found none")
        var sum = terms[0].tensor * Float(terms[0].weight)
        for term in terms.dropFirst() { sum += term.tensor * Float(term.weight) }
        return sum
    }
}
