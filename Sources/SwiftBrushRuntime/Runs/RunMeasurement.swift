import DiffusionModels
import Foundation
import Tensor

/// A measurement of what a run has made so far, such as a distance of its images from real ones, taken in the course of the run: the smaller,
/// the better.
///
/// A measured step always has a checkpoint, and that of the best one is kept besides the newest. A training does not depend on what
/// measures it: whoever starts the run passes a closure.
public struct RunMeasurement {
    /// The name in `measurements.jsonl` and in the report.
    public let name: String
    /// The steps between two measurements; the untrained network and the last step are measured too.
    public let interval: Int
    /// The number for the training's present state.
    public let value: () throws -> Double

    /// A measurement every `interval` steps. A run refuses an interval below 1.
    public init(_ name: String, every interval: Int, value: @escaping () throws -> Double) {
        (self.name, self.interval, self.value) = (name, interval, value)
    }
}

/// One measurement of a run.
public struct MeasuredStep: TrainingStep, Equatable {
    /// The number of steps taken.
    public let step: Int
    /// The number, by the measurement's name.
    public let values: [String: Double]

    private enum CodingKeys: String, CodingKey {
        case step
        case values = "measured"
    }
}

extension RunDirectory {
    /// The run's measurements, in order. Throws `FileError`.
    public func measurements() throws -> [MeasuredStep] {
        try metrics(MeasuredStep.self, in: Self.measurementsName)
    }

    /// Restores a training from the checkpoint of the step with the smallest measurement, and returns that measurement; nil for a run
    /// without measurements of checkpoints.
    ///
    /// Throws as ``ResumableTraining/restoreCheckpoint(from:)``.
    public func restoreBest(of training: some ResumableTraining) throws -> MeasuredStep? {
        guard let best = try bestMeasurement() else { return nil }
        try training.restoreCheckpoint(from: checkpoint(step: best.step))
        return best
    }

    /// The smallest measurement of a step with a checkpoint, the earliest of equal ones.
    func bestMeasurement() throws -> MeasuredStep? {
        try measurements().filter { FileManager.default.fileExists(atPath: checkpoint(step: $0.step).path) }
            .min { ($0.values.first?.value ?? .infinity) < ($1.values.first?.value ?? .infinity) }
    }

    /// Takes a measurement of a training's step and records it. Throws ``RunError`` for a number that is not finite.
    func measure(_ measurement: RunMeasurement, step: Int) throws {
        let value = try measurement.value()
        guard value.isFinite else { throw RunError.nonFinite(step: step, tensor: measurement.name, count: 1) }
        try record(MeasuredStep(step: step, values: [measurement.name: value]), in: Self.measurementsName)
    }
}
