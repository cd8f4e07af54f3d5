import DiffusionModels
import Foundation

extension RunDirectory {
    /// Takes a training's remaining steps, and saves its metrics, checkpoints and sample grids.
    ///
    /// A checkpoint is written every `checkpointEvery` steps and after the last; a sample grid, after the checkpoint of its step, every
    /// `sheetEvery` steps and after the last. If the process ended before it wrote a grid, that grid is made first.
    ///
    /// SIGINT, SIGTERM and SIGHUP let the step in progress end, and a checkpoint is written; see `StopSignals`. So is it in a cancelled task.
    ///
    /// - Parameters:
    ///   - training: the training with which ``begin(_:)`` was called.
    ///   - iterations: the number of steps in all.
    ///   - checkpointEvery: steps between two checkpoints.
    ///   - sheetEvery: steps between two sample grids; nil for none.
    ///   - measurement: a measurement of the training, taken after the checkpoint of its step; nil for none.
    ///   - stopsOnSignals: whether signals are caught; otherwise they end the process at once.
    ///   - progress: called after each step.
    ///   - saveSheet: writes the sample grid of the training's step, see ``sheet(step:)``.
    ///
    /// Throws `ModelError` for a number of steps out of range, `StoppedBySignal`, `CancellationError`, what a step throws, and what the file
    /// system throws.
    public func train<Training: ResumableTraining>(
        _ training: Training, iterations: Int, checkpointEvery: Int, sheetEvery: Int? = nil,
        measurement: RunMeasurement? = nil, stopsOnSignals: Bool = true,
        progress: (Training.Step) throws -> Void = { _ in }, saveSheet: () throws -> Void = {}
    ) throws {
        try withoutActuallyEscaping(saveSheet) { saveSheet in
            let loop = TrainingLoop(
                training: training, run: self, iterations: iterations, checkpointEvery: checkpointEvery,
                sheetEvery: sheetEvery, measurement: measurement, signals: stopsOnSignals ? StopSignals() : nil,
                saveSheet: { _ in try saveSheet() })
            try loop.begin()
            while let step = try loop.next() { try progress(step) }
        }
    }
}
