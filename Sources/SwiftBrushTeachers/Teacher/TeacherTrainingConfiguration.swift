import DiffusionModels
import Foundation
import SwiftBrushRuntime
import Tensor

/// The settings of a teacher's training, except the networks' configurations.
public struct TeacherTrainingConfiguration: OptimizationSettings, Codable, Sendable, Equatable {
    /// Pictures per step.
    public var batchSize = 32
    /// The number of parts in which a step computes its gradients, one after the other or each in a process of its own: gradient
    /// accumulation. Parts need less memory, and the result depends on their number in its last bits.
    public var accumulatedParts: Int {
        get { accumulate ?? 1 }
        set { accumulate = newValue == 1 ? nil : newValue }
    }
    /// Nil for one part, as in the settings of runs that had no parts.
    private var accumulate: Int?
    /// The type as which processes send gradients.
    public var gradientType: GradientType {
        get { gradients ?? .float32 }
        set { gradients = newValue == .float32 ? nil : newValue }
    }
    /// Nil for Float32, which runs of earlier versions do not record.
    private var gradients: GradientType?
    /// The number of steps over which the learning rate falls from ``learningRate`` to 0, along half a cosine.
    public var iterations = 20_000
    /// AdamW's maximum learning rate.
    public var learningRate = 1e-3
    /// The number of warm-up steps, over which the learning rate rises from 0.
    public var warmUp = 200
    /// Decoupled weight decay.
    public var weightDecay = 0.01
    /// The maximum global gradient norm; larger gradients are scaled down to it.
    public var gradientNormLimit = 1.0
    /// The maximum decay of the moving average.
    public var averageDecay = 0.9995
    /// The sampling and weighting of the noise levels.
    public var noise = NoiseLevels()
    /// The sampling of the captions.
    public var captions = CaptionMix()
    /// The seed of all random streams.
    public var seed: UInt64 = 0
    /// The precision of the network's passes and their gradients; nil for `MatmulPrecision.current`. Weights, optimiser and average are Float32
    /// at any precision.
    public var precision: MatmulPrecision?

    /// Creates the settings with which the shipped teacher was trained.
    public init() {}

    /// Throws ``TrainingError`` for a setting that is out of range.
    public func validate() throws {
        try validateOptimization()
        try TrainingError.check((0...1_000_000_000).contains(warmUp), "warmUp", expected: "at least 0", found: warmUp)
        try noise.validate()
        try captions.validate()
    }
}

/// The sampling distribution and the loss weights of the timesteps in a teacher's training.
///
/// The weights are w(t) = min(1 + 1/SNR(t), w_max), divided by their mean under the sampling distribution. Conversion to x₀
/// multiplies an epsilon error by σ/α, which is 14.6 at the last timestep, and there returning the input already removes nearly all of
/// the epsilon loss. Without the weights the highest noise levels are hardly learned, where a one-step student starts and where
/// the text determines the image. For a network that predicts v the weights are those of the error of ε that belongs to its error. In flow
/// matching all errors of u have the weight 1, as in arXiv 2209.03003, and ``largestWeight`` is not used.
public struct NoiseLevels: Codable, Sendable, Equatable {
    /// The maximum weight before normalisation, w_max.
    public var largestWeight = 30.0
    /// The share of timesteps that are sampled from the high noise levels alone.
    public var highShare = 0.35
    /// The beginning of the high noise levels, as a fraction of all timesteps.
    public var high = 0.6

    /// Creates the settings with which the shipped teacher was trained.
    public init() {}

    func validate() throws {
        try TrainingError.check(
            largestWeight.isFinite && largestWeight >= 1, "noise.largestWeight",
            expected: "a finite number of at least 1", found: largestWeight)
        try TrainingError.check((0...1).contains(highShare), "noise.highShare", expected: "0 to 1", found: highShare)
        try TrainingError.check((0..<1).contains(high), "noise.high", expected: "0 to below 1", found: high)
    }

    /// The weight of each timestep; the mean under the sampling distribution is 1.
    public func weights(on schedule: NoiseSchedule) -> [Double] {
        if schedule.isFlowMatching { return Array(repeating: 1, count: schedule.timestepCount) }
        let weights = (0..<schedule.timestepCount).map { min(1 + 1 / schedule.signalToNoiseRatio($0), largestWeight) }
        let highest = weights[highest(of: schedule)]
        func mean(_ values: some Collection<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
        let expected = (1 - highShare) * mean(weights) + highShare * mean(highest)
        return weights.map { $0 / expected }
    }

    /// The timesteps of high noise levels, which are sampled more often.
    func highest(of schedule: NoiseSchedule) -> Range<Int> {
        min(Int(high * Double(schedule.timestepCount)), schedule.timestepCount - 1)..<schedule.timestepCount
    }
}
