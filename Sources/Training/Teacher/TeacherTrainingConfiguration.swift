import DiffusionModels
import Foundation

/// The settings of a teacher's training besides its networks' sizes.
public struct TeacherTrainingConfiguration: OptimizationSettings, Codable, Sendable, Equatable {
    /// Pictures a step.
    public var batchSize = 32
    /// Steps after which the learning rate has fallen to nothing, half a cosine from ``learningRate``.
    public var iterations = 20_000
    /// AdamW's largest step size.
    public var learningRate = 1e-3
    /// Steps over which it rises from nothing.
    public var warmUp = 200
    /// Decoupled weight decay.
    public var weightDecay = 0.01
    /// The largest global gradient norm; larger ones are scaled down.
    public var gradientNormLimit = 1.0
    /// The largest decay of the moving average.
    public var averageDecay = 0.9995
    /// How the noise levels are drawn and weighted.
    public var noise = NoiseLevels()
    /// How the captions are drawn.
    public var captions = CaptionMix()
    /// Of everything random.
    public var seed: UInt64 = 0

    /// The settings that the shipped teacher was trained with.
    public init() {}

    /// Throws ``TrainingError`` for a setting that is out of range.
    public func validate() throws {
        try validateOptimization()
        try TrainingError.check((0...1_000_000_000).contains(warmUp), "warmUp", expected: "at least 0", found: warmUp)
        try noise.validate()
    }
}

/// How the timesteps of a teacher's training are drawn, and how much each counts.
///
/// w(t) = min(1 + 1/SNR(t), w_max), over its mean under the drawing's distribution. An epsilon error grows by σ/α, 14.6 at the
/// last timestep, on its way to x₀, and nearly all of the epsilon loss there is won by handing on the input: without the weight
/// the highest noise levels, where a one-step student starts and where the text decides, are hardly learned.
public struct NoiseLevels: Codable, Sendable, Equatable {
    /// w_max.
    public var largestWeight = 30.0
    /// How often a timestep is drawn from the highest alone.
    public var highShare = 0.35
    /// Where those begin, as a share of all timesteps.
    public var high = 0.6

    /// The settings that the shipped teacher was trained with.
    public init() {}

    func validate() throws {
        try TrainingError.check(
            largestWeight >= 1, "noise.largestWeight", expected: "a number from 1", found: largestWeight)
        try TrainingError.check((0...1).contains(highShare), "noise.highShare", expected: "0 to 1", found: highShare)
        try TrainingError.check((0..<1).contains(high), "noise.high", expected: "0 to 1", found: high)
    }

    /// The weight of each timestep; its mean under the drawing's distribution is 1.
    public func weights(on schedule: NoiseSchedule) -> [Double] {
        let weights = (0..<schedule.timestepCount).map { min(1 + 1 / schedule.signalToNoiseRatio($0), largestWeight) }
        let highest = weights[highest(of: schedule)]
        func mean(_ values: some Collection<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
        let expected = (1 - highShare) * mean(weights) + highShare * mean(highest)
        return weights.map { $0 / expected }
    }

    /// The timesteps that are drawn more often.
    func highest(of schedule: NoiseSchedule) -> Range<Int> {
        min(Int(high * Double(schedule.timestepCount)), schedule.timestepCount - 1)..<schedule.timestepCount
    }
}
