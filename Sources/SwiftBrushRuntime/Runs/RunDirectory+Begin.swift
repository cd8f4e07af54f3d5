import DiffusionModels
import Foundation
import Tensor

extension RunDirectory {
    /// Records the settings of a new run, or resumes an existing run from its newest intact checkpoint and removes the metrics after
    /// it.
    ///
    /// A run of an earlier version, which did not record its ``RunContents``, is resumed. What cannot be compared is reported on
    /// standard error, and recorded from then on.
    ///
    /// Of several processes, the one with rank 0 does so, and sends the others what it has read.
    ///
    /// Throws ``RunError/unsuitable(path:expected:found:)`` when settings or contents differ from those of the run, and when
    /// none of its checkpoints is intact; `SafetensorsError` when the disk has no room for a checkpoint; `FileError`; and ``ProcessError``
    /// when settings or contents differ between processes.
    public func begin<Training: ResumableTraining>(_ training: Training) throws {
        let group = training.group
        if group.count == 1 { return try beginAlone(training) }
        try training.checkProcesses()
        _ = try group.results {
            if group.rank == 0 { try beginAlone(training) }
            return true
        }
        try training.shareCheckpoint(session.state.withLock { $0.whole.last })
    }

    private func beginAlone<Training: ResumableTraining>(_ training: Training) throws {
        try claim()
        let (record, contents) = (try training.record(), try training.contents())
        let isNew = !FileManager.default.fileExists(atPath: configuration.path)
        if isNew {
            let metrics = training.metricsFiles.first {
                FileManager.default.fileExists(atPath: url.appending(path: $0).path)
            }
            if let name = try metrics ?? checkpoints().last?.lastPathComponent {
                throw RunError.unsuitable(
                    path: url.path, expected: "\(Self.configurationName) beside \(name)", found: "none")
            }
        } else {
            try compare(record, renamed: Training.renamedSettings)
            try compare(contents)
        }
        for folder in [checkpointFolder, url.appending(path: "sheets")] { try DurableFile.makeFolder(folder) }
        try Safetensors.requireSpace(training.checkpointByteCount, for: checkpoint(step: training.stepCount))
        if !FileManager.default.fileExists(atPath: contentsFile.path) {
            try DurableFile.writeJSON(contents, to: contentsFile)
        }
        if isNew { try DurableFile.writeJSON(record, to: configuration) }
        try restore(training)
        try dropMetrics(in: training.metricsFiles + [Self.measurementsName], after: training.stepCount)
        try removeSheets(after: training.stepCount)
    }

    private func compare<Record: Codable & Equatable>(_ record: Record, renamed: [String: String]) throws {
        let stored = try? storedRecord(Record.self, renamed: renamed)
        guard stored != record else { return }
        let fields = stored.map { differingFields($0, record) }
        throw RunError.unsuitable(
            path: configuration.path, expected: "the settings of this run, \(fields?.expected ?? "a JSON object")",
            found: fields?.found ?? "another file")
    }

    private func compare(_ contents: RunContents) throws {
        func refuse(_ names: [String], _ found: String) -> RunError {
            .unsuitable(
                path: contentsFile.path, expected: "the \(names.joined(separator: ", ")) of this run", found: found)
        }
        guard FileManager.default.fileExists(atPath: contentsFile.path) else {
            if contents.names.isEmpty { return }
            StandardError.write(
                line:
                    "\(url.path): started by an earlier version, which did not record the run's inputs; not compared: "
                    + contents.names.joined(separator: ", "))
            return
        }
        guard let stored = try? JSONDecoder().decode(RunContents.self, from: FileContents.read(contentsFile)) else {
            throw refuse(contents.names, "a file that cannot be read")
        }
        let others = contents.differences(from: stored)
        guard others.isEmpty else { throw refuse(others, "others") }
    }

    private var contentsFile: URL { url.appending(path: Self.contentsName) }

    /// The number of parts in which a run's steps compute their gradients.
    ///
    /// - Parameters:
    ///   - chosen: the number that was asked for; nil for that of the run in the folder, or of a new run one part per process.
    ///   - group: the processes of the run.
    ///
    /// Throws ``ProcessError`` for more processes than parts.
    public func accumulatedParts(_ chosen: Int?, in group: any ProcessGroup) throws -> Int {
        struct Parts: Decodable {
            struct Settings: Decodable { var accumulate: Int? }
            let settings: Settings
        }
        let parts = try group.results {
            let recorded = group.rank == 0 ? try? storedRecord(Parts.self, renamed: [:]) : nil
            return chosen ?? recorded.map { $0.settings.accumulate ?? 1 } ?? group.count
        }[0]
        if parts < group.count { throw ProcessError.tooMany(count: group.count, parts: parts) }
        return parts
    }

    /// The recorded settings. Throws what the file system throws, and `DecodingError`.
    ///
    /// - Parameters:
    ///   - type: the type of the settings.
    ///   - renamed: the names of settings that had other names in runs of earlier versions, by those names.
    package func storedRecord<Record: Decodable>(_ type: Record.Type, renamed: [String: String]) throws -> Record {
        var text = String(decoding: try FileContents.read(configuration), as: UTF8.self)
        for (old, new) in renamed { text = text.replacing("\"\(old)\"", with: "\"\(new)\"") }
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
