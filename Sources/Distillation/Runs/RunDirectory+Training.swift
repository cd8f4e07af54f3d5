import DiffusionModels
import Foundation

extension RunDirectory {
    /// Takes the steps that a training still lacks, and keeps its metrics, checkpoints and sheets.
    ///
    /// A checkpoint is written after every `checkpointEvery` steps and after the last; a sheet, after the checkpoint of its step, every
    /// `sheetEvery` steps and after the last. A sheet that is missing because the process ended before it was written is made first.
    ///
    /// SIGINT, SIGTERM and SIGHUP let the step in progress end, and a checkpoint is written; see ``StopSignals``.
    ///
    /// - Parameters:
    ///   - training: what ``begin(_:)`` was called with.
    ///   - iterations: how many steps in all.
    ///   - checkpointEvery: steps between two checkpoints.
    ///   - sheetEvery: steps between two sheets; nil for none.
    ///   - stopsOnSignals: whether signals are caught; otherwise they end the process at once.
    ///   - progress: called after each step.
    ///   - saveSheet: writes the sheet of the training's step, see ``sheet(step:)``.
    ///
    /// Throws ``StoppedBySignal``, what a step throws, and what the file system throws.
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
