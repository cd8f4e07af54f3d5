import Foundation

extension RunDirectory {
    /// Takes the steps that a training still lacks, and keeps its metrics, checkpoints and sheets.
    ///
    /// A checkpoint is written after every `checkpointEvery` steps and after the last; a sheet, after the checkpoint of its step, every
    /// `sheetEvery` steps and after the last. A sheet that is missing because the process ended before it was written is made first.
    ///
    /// - Parameters:
    ///   - training: what ``begin(_:)`` was called with.
    ///   - iterations: how many steps in all.
    ///   - checkpointEvery: steps between two checkpoints.
    ///   - sheetEvery: steps between two sheets; nil for none.
    ///   - progress: called after each step.
    ///   - saveSheet: writes the sheet of the training's step, see ``sheet(step:)``.
    ///
    /// Throws what a step throws, and what the file system throws.
    public func train<Training: ResumableTraining>(
        _ training: Training, iterations: Int, checkpointEvery: Int, sheetEvery: Int? = nil,
        progress: (Training.Step) throws -> Void = { _ in }, saveSheet: () throws -> Void = {}
    ) throws {
        func isDue(_ interval: Int) -> Bool {
            training.stepCount > 0 && (training.stepCount % interval == 0 || training.stepCount >= iterations)
        }
        if let sheetEvery, isDue(sheetEvery), !hasSheet(step: training.stepCount) { try saveSheet() }
        while training.stepCount < iterations {
            let step = try training.step()
            try record(step)
            try progress(step)
            if isDue(checkpointEvery) { try saveCheckpoint(of: training) }
            if let sheetEvery, isDue(sheetEvery) { try saveSheet() }
        }
    }

    private func hasSheet(step: Int) -> Bool { FileManager.default.fileExists(atPath: sheet(step: step).path) }
}
