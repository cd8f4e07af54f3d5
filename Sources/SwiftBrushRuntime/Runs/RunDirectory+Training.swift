import DiffusionModels
import Foundation

extension RunDirectory {
    /// Takes a training's remaining steps, and saves its metrics, checkpoints and sample grids.
    ///
    /// A checkpoint is written every `checkpointEvery` steps and after the last; a sample grid, after the checkpoint of its step, every
    /// `sheetEvery` steps and after the last. If the process ended before it wrote a grid, that grid is made first.
    ///
    /// SIGINT, SIGTERM and SIGHUP let the step in progress end, and a checkpoint is written; see `StopSignals`.
    ///
    /// - Parameters:
    ///   - training: the training with which ``begin(_:)`` was called.
    ///   - iterations: the number of steps in all.
    ///   - checkpointEvery: steps between two checkpoints.
    ///   - sheetEvery: steps between two sample grids; nil for none.
    ///   - stopsOnSignals: whether signals are caught; otherwise they end the process at once.
    ///   - progress: called after each step.
    ///   - saveSheet: writes the sample grid of the training's step, see ``sheet(step:)``.
    ///
    /// Throws `StoppedBySignal`, what a step throws, and what the file system throws.
    public func train<Training: ResumableTraining>(
        _ training: Training, iterations: Int, checkpointEvery: Int, sheetEvery: Int? = nil,
        stopsOnSignals: Bool = true,
        progress: (Training.Step) throws -> Void = { _ in }, saveSheet: () throws -> Void = {}
    ) throws {
        func isDue(_ interval: Int) -> Bool {
            training.stepCount > 0 && (training.stepCount % interval == 0 || training.stepCount >= iterations)
        }
        let signals = stopsOnSignals ? StopSignals() : nil
        func stopIfAsked() throws {
            guard let signal = signals?.received else { return }
            if !hasCheckpoint(step: training.stepCount) { try saveCheckpoint(of: training) }
            throw StoppedBySignal(
                signal, work: "\(url.path): step \(training.stepCount) of \(iterations); its checkpoint is written")
        }
        if let sheetEvery, isDue(sheetEvery), !hasSheet(step: training.stepCount) { try saveSheet() }
        while training.stepCount < iterations {
            try stopIfAsked()
            let step = try training.step()
            try record(step)
            try progress(step)
            if isDue(checkpointEvery) { try saveCheckpoint(of: training) }
            if let sheetEvery, isDue(sheetEvery) { try saveSheet() }
        }
        try stopIfAsked()
    }

    private func hasSheet(step: Int) -> Bool { FileManager.default.fileExists(atPath: sheet(step: step).path) }
}
