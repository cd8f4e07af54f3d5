import Tensor

/// How latents go from noise to a picture: at which timesteps the network is evaluated, and what a step makes of its output.
///
/// The shipped ones are ``SchedulerSampler``s, which agree with diffusers' schedulers of the same configuration. An own solver needs these
/// two functions:
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
    /// What it is called in the records of pictures.
    var name: String { get }
    /// Its settings by name, as the files of pictures record them.
    var record: [String: String] { get }
    /// What a user should know of its configuration: settings that are not followed or were changed.
    var warnings: [String] { get }

    /// Begins a sampling, forgetting an earlier one.
    ///
    /// - Parameter steps: how many steps, at least 1.
    ///
    /// Throws ``ModelError`` for a number of steps that it cannot make.
    mutating func begin(steps: Int) throws -> SamplingPlan

    /// The latents after a step.
    ///
    /// - Parameters:
    ///   - prediction: what the network made of the latents, `[batch, height, width, channels]`.
    ///   - index: which of the plan's points. The first is not always 0: from a picture, only the last steps are made.
    ///   - noise: where new noise comes from.
    mutating func step(_ prediction: NetworkPrediction, at index: Int, noise: inout LatentNoise) -> Tensor
}

extension Sampler {
    /// Its name alone.
    public var record: [String: String] { ["method": name] }
    /// None.
    public var warnings: [String] { [] }
}

/// Where a sampler evaluates the network.
public struct SamplingPoint: Sendable, Equatable {
    /// The timestep passed to the network; not always a whole one.
    public let timestep: Double
    /// How much signal and noise the latents have there.
    public let level: SignalLevel

    /// A timestep and its level.
    public init(timestep: Double, level: SignalLevel) {
        (self.timestep, self.level) = (timestep, level)
    }

    /// A whole timestep of a schedule.
    public init(timestep: Int, on schedule: NoiseSchedule) {
        self.init(timestep: Double(timestep), level: schedule.level(at: timestep))
    }
}

/// The network evaluations of a sampling, from the most noise to the least.
public struct SamplingPlan: Sendable, Equatable {
    /// Where the network is evaluated.
    public let points: [SamplingPoint]
    /// How many evaluations a step has, but for the last, which may have fewer: 2 of methods that evaluate the network between.
    public let evaluationsPerStep: Int
    /// How strong the starting noise is in the first latents.
    public let noiseScale: Double

    /// A plan.
    public init(_ points: [SamplingPoint], evaluationsPerStep: Int = 1, noiseScale: Double = 1) {
        (self.points, self.evaluationsPerStep, self.noiseScale) = (points, evaluationsPerStep, noiseScale)
    }
}

/// What a network made of latents at one of a sampler's points.
public struct NetworkPrediction: Sendable {
    /// x = α x₀ + σ ε, which the network was given, `[batch, height, width, channels]`.
    public let latents: Tensor
    /// The network's output, guided, of the same shape.
    public let output: Tensor
    /// What the output stands for.
    public let type: PredictionType
    /// Where the network was evaluated.
    public let point: SamplingPoint

    /// A prediction.
    public init(latents: Tensor, output: Tensor, type: PredictionType, point: SamplingPoint) {
        (self.latents, self.output, self.type, self.point) = (latents, output, type, point)
    }

    /// x₀.
    public var original: Tensor { point.level.convert(output, from: type, to: .sample, noisy: latents) }

    /// ε.
    public var epsilon: Tensor { point.level.convert(output, from: type, to: .epsilon, noisy: latents) }
}

extension Tensor {
    /// Σ w x, with weights in Double.
    static func combination(_ terms: (weight: Double, tensor: Tensor)...) -> Tensor { combination(terms) }

    /// Σ w x of at least one term.
    static func combination(_ terms: [(weight: Double, tensor: Tensor)]) -> Tensor {
        precondition(!terms.isEmpty, "Tensor.combination: expected at least one term, found none")
        var sum = terms[0].tensor * Float(terms[0].weight)
        for term in terms.dropFirst() { sum += term.tensor * Float(term.weight) }
        return sum
    }
}
