import DiffusionModels
import Foundation
import Tensor

extension RunDirectory {
    /// Writes a checkpoint, and removes older ones once it is safely on disk: the oldest of the intact ones, except that of the best
    /// measurement, and damaged ones as soon as there are ``keptCheckpoints`` intact ones. Throws what the file system throws.
    public func saveCheckpoint(of training: some ResumableTraining) throws {
        let file = checkpoint(step: training.stepCount)
        try synchronizeMetrics()
        try training.saveCheckpoint(to: file)
        try DurableFile.write(Data("\(training.stepCount)\n".utf8), to: newestStep)
        let best = try bestMeasurement().map { checkpoint(step: $0.step) }
        let removed = session.state.withLock { state in
            state.whole.removeAll { $0 == file }
            state.damaged.removeAll { $0 == file }
            state.whole.append(file)
            let kept = max(1, keptCheckpoints)
            guard state.whole.count >= kept else { return [URL]() }
            let old = state.whole.dropLast(kept)
            defer { (state.whole, state.damaged) = (old.filter { $0 == best } + state.whole.suffix(kept), []) }
            return old.filter { $0 != best } + state.damaged
        }
        for old in removed {
            try FileError.attempt(.writing, old.path) { try FileManager.default.removeItem(at: old) }
        }
    }

    /// Restores a training from its newest intact checkpoint, and reports on standard error when that is not the newest. Throws
    /// ``RunError/unsuitable(path:expected:found:)`` when there were checkpoints and none is intact.
    func restore(_ training: some ResumableTraining) throws {
        let files = try checkpoints()
        var reasons: [String] = []
        for (index, file) in files.enumerated().reversed() {
            do {
                try training.restoreCheckpoint(from: file)
                session.state.withLock { $0.whole = Array(files[...index]) }
                if !reasons.isEmpty { StandardError.write(line: "resuming from \(file.path), an older checkpoint") }
                return
            } catch {
                reasons.append(FileError.sentence(of: error))
                StandardError.write(line: "checkpoint skipped: \(reasons.last ?? "")")
                if case SafetensorsError.malformed = error { session.state.withLock { $0.damaged.append(file) } }
            }
        }
        if let reason = reasons.first {
            throw RunError.unsuitable(
                path: checkpointFolder.path, expected: "an intact checkpoint to resume from",
                found: "\(files.count) and none is intact (\(reason)); nothing was changed")
        }
        if let data = try? FileContents.read(newestStep) {
            let step = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            throw RunError.unsuitable(
                path: checkpointFolder.path, expected: "the checkpoint of step \(step), which was written",
                found: "none; nothing was changed")
        }
        if try hasMetrics() {
            StandardError.write(
                line: "\(url.path): the run ended before its first checkpoint; it starts again at step 0")
        }
    }

    /// Whether this process wrote or read a checkpoint of this step.
    func hasCheckpoint(step: Int) -> Bool {
        session.state.withLock { $0.whole.contains(checkpoint(step: step)) }
    }

    func checkpoint(step: Int) -> URL { checkpointFolder.appending(path: "\(Self.name(step)).safetensors") }

    /// The file with the newest checkpoint's step. Without it, a run whose checkpoints were deleted would look like one that had none
    /// yet.
    private var newestStep: URL { url.appending(path: Self.newestStepName) }

    /// The run's checkpoints, the oldest first; other files are ignored.
    func checkpoints() throws -> [URL] {
        guard FileManager.default.fileExists(atPath: checkpointFolder.path) else { return [] }
        let names = try FileError.attempt(.reading, checkpointFolder.path) {
            try FileManager.default.contentsOfDirectory(atPath: checkpointFolder.path)
        }
        return names.compactMap { Self.step(of: $0, ending: ".safetensors") }.sorted().map(checkpoint)
    }

    /// Removes the sample grids of steps that will be repeated: their metrics are dropped, and both are made again.
    func removeSheets(after step: Int) throws {
        let folder = url.appending(path: "sheets")
        let names = try FileError.attempt(.reading, folder.path) {
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
        }
        for repeated in names.compactMap({ Self.step(of: $0, ending: ".png") }) where repeated > step {
            let file = sheet(step: repeated)
            try FileError.attempt(.writing, file.path) { try FileManager.default.removeItem(at: file) }
        }
    }

    /// The step in the name of a file that a run writes, nil for other names.
    private static func step(of name: String, ending: String) -> Int? {
        guard let step = Int(name.dropFirst("step-".count).dropLast(ending.count)) else { return nil }
        return name == Self.name(step) + ending ? step : nil
    }
}
