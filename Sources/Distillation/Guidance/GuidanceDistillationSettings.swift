import Autograd
import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// The settings of a ``GuidanceDistiller``.
public struct GuidanceDistillationSettings: Codable, Sendable, Equatable {
    /// κ of the teacher, whose guided prediction is learned; 1 means no guidance.
    public var guidanceScale = 4.5
    /// The steps of the teacher's samplings, on whose points the network learns.
    public var steps = 25
    /// Samplings that advance side by side, by a step each in every step of the run.
    public var batchSize = 16
    /// The number of parts in which a step computes its gradients, one after the other or each in a process of its own.
    public var accumulatedParts: Int {
        get { accumulate ?? 1 }
        set { accumulate = newValue == 1 ? nil : newValue }
    }
    /// Nil for one part, under the name that all trainings record.
    private var accumulate: Int?
    /// The type as which processes send gradients.
    public var gradientType = GradientType.float32
    /// AdamW's learning rate.
    public var learningRate = 1e-5
    /// The schedule of the learning rate over the run.
    public var learningRateSchedule = LearningRateSchedule.constant()
    /// Decoupled weight decay.
    public var weightDecay = 0.0
    /// The largest global gradient norm; larger gradients are scaled down.
    public var gradientNormLimit = 1.0
    /// The largest decay of the network's moving average.
    public var averageDecay = 0.999
    /// The seed of all random streams.
    public var seed: UInt64 = 0
    /// The precision of all passes and gradients; nil for `MatmulPrecision.current`.
    public var precision: MatmulPrecision?

    /// The default settings.
    public init() {}

    /// Checks all settings. Throws ``DistillationError/invalidSetting(name:expected:found:)`` for the first one that is out of range.
    public func validate() throws {
        func check(_ isValid: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            if isValid { return }
            throw DistillationError.invalidSetting(name: name, expected: expected, found: "\(found)")
        }
        let scales = SamplingSettings.guidanceScales
        try check(
            scales.contains(guidanceScale), "guidanceScale", "\(scales.lowerBound) to \(scales.upperBound)",
            guidanceScale)
        for (name, count, range) in [
            ("steps", steps, 1...1000), ("batchSize", batchSize, 1...4096),
            ("accumulatedParts", accumulatedParts, 1...max(1, min(batchSize, 4096))),
        ] {
            try check(range.contains(count), name, "\(range.lowerBound) to \(range.upperBound)", count)
        }
        for (name, rate) in [
            ("learningRate", learningRate), ("weightDecay", weightDecay), ("averageDecay", averageDecay),
        ] {
            try check((0...1).contains(rate), name, "a number from 0 to 1", rate)
        }
        let (warmUp, total) = (learningRateSchedule.warmUpSteps, learningRateSchedule.totalSteps ?? 1)
        try check(warmUp >= 0, "learningRateSchedule.warmUp", "at least 0", warmUp)
        try check(total >= 1, "learningRateSchedule.total", "at least 1", total)
        try check(gradientNormLimit > 0, "gradientNormLimit", "a positive number", gradientNormLimit)
    }
}
