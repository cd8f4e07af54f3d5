import DiffusionModels
import Foundation
import Tensor

/// The remaining steps of a training, one at a time, with the metrics, checkpoints and sample grids that are due after each. Of several
/// processes only the one with rank 0 writes them.
struct TrainingLoop<Training: ResumableTraining> {
    let training: Training
    let run: RunDirectory
    let iterations: Int
    let checkpointEvery: Int
    let sheetEvery: Int?
    let measurement: RunMeasurement?
    let signals: StopSignals?
    let saveSheet: (Training) throws -> Void

    /// Makes the sample grid that is missing because the process ended before it wrote it. Throws `ModelError` for a number of steps out of
    /// range.
    func begin() throws {
        for (argument, found, least) in [
            ("iterations", iterations, 0), ("checkpointEvery", checkpointEvery, 1), ("sheetEvery", sheetEvery ?? 1, 1),
            ("measurement.interval", measurement?.interval ?? 1, 1),
        ] where found < least {
            throw ModelError.invalidArgument(
                operation: "RunDirectory.train", argument: argument, expected: "at least \(least)", found: "\(found)")
        }
        guard isWriting else { return }
        let isSheetMissing = sheetEvery.map { isDue($0) && !run.hasSheet(step: training.stepCount) } ?? false
        let missing = try measurement.flatMap { measurement in
            let isThere = try run.measurements().contains { $0.step == training.stepCount }
            return isDue(measurement) && !isThere ? measurement : nil
        }
        try look(sheet: isSheetMissing, measurement: missing)
    }

    /// Takes the next step and saves what is due after it; nil after the last step.
    ///
    /// After a signal or in a cancelled task, a checkpoint is written. Throws `StoppedBySignal` and `CancellationError`.
    func next() throws -> Training.Step? {
        try stopIfAsked()
        guard training.stepCount < iterations else {
            try training.gatherAverages()
            return nil
        }
        let step: Training.Step
        do {
            step = try training.step()
        } catch let error as CancellationError {
            // Others may be in another place, where they do not help to write what all have divided.
            if !isSharded { try saveCheckpointIfMissing() }
            throw error
        }
        if isWriting { try run.record(step) }
        let measured = measurement.flatMap { isDue($0) ? $0 : nil }
        if isDue(checkpointEvery) || measured != nil { try saveCheckpoint() }
        let isSheetDue = sheetEvery.map { isDue($0) } ?? false
        if isSheetDue || measured != nil { try training.gatherAverages() }
        if isWriting { try look(sheet: isSheetDue, measurement: measured) }
        return step
    }

    /// Makes a sample grid and a measurement of the training's step.
    private func look(sheet: Bool, measurement: RunMeasurement?) throws {
        guard sheet || measurement != nil else { return }
        if sheet { try saveSheet(training) }
        if let measurement { try run.measure(measurement, step: training.stepCount) }
        // Images are generated in tensors of other sizes than steps.
        releaseIdleTensorMemory()
    }

    private var isWriting: Bool { training.group.rank == 0 }

    private func isDue(_ interval: Int) -> Bool {
        training.stepCount > 0 && (training.stepCount % interval == 0 || training.stepCount >= iterations)
    }

    private func isDue(_ measurement: RunMeasurement) -> Bool {
        training.stepCount == 0 || isDue(measurement.interval)
    }

    private func stopIfAsked() throws {
        // All processes stop at the same step.
        let requests = try training.group.results {
            StopRequest(isCancelled: Task.isCancelled, signal: signals?.received)
        }
        if requests.contains(where: \.isCancelled) {
            try saveCheckpointIfMissing()
            throw CancellationError()
        }
        guard let signal = requests.lazy.compactMap(\.signal).first else { return }
        try saveCheckpointIfMissing()
        throw StoppedBySignal(
            signal, work: "\(run.url.path): step \(training.stepCount) of \(iterations); its checkpoint is written")
    }

    private var isSharded: Bool { training.shardsOptimizer && training.group.count > 1 }

    private func saveCheckpointIfMissing() throws {
        let isMissing = isWriting && !run.hasCheckpoint(step: training.stepCount)
        if isSharded ? try training.group.results({ isMissing })[0] : isMissing { try saveCheckpoint() }
    }

    private func saveCheckpoint() throws {
        if isWriting {
            try run.saveCheckpoint(of: training)
        } else if isSharded {
            try training.saveCheckpoint(to: run.checkpoint(step: training.stepCount))
        }
    }
}

/// Whether a process was asked to stop.
private struct StopRequest: Codable {
    let isCancelled: Bool
    let signal: Int32?
}

extension RunDirectory {
    fileprivate func hasSheet(step: Int) -> Bool { FileManager.default.fileExists(atPath: sheet(step: step).path) }
}
