import DiffusionModels
import Foundation
import Tensor

/// The folder of one distillation or other training: its settings, metrics, picture sheets, checkpoints, and at the end the
/// networks.
///
/// `configuration.json`, `metrics.jsonl`, `sheets/step-N.png`, `checkpoints/step-N.safetensors`; `report.html`; of a distillation
/// `student/`, `fake-score/`.
public struct RunDirectory: Sendable {
    /// The folder.
    public let url: URL
    /// How many of the newest checkpoints are kept.
    public var keptCheckpoints = 2

    /// The run in a folder, which ``begin(_:)`` makes if it is missing.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - resuming: whether a run may be there already; otherwise an existing one is an error, so that none is lost.
    ///
    /// Throws ``DistillationError/run(path:expected:found:)``.
    public init(_ url: URL, resuming: Bool) throws {
        self.url = url
        let exists = FileManager.default.fileExists(atPath: url.appending(path: Self.configurationName).path)
        if exists && !resuming {
            throw DistillationError.run(
                path: url.path, expected: "a folder without a run, or to resume one", found: "a run")
        }
    }

    private static let configurationName = "configuration.json"
    private var checkpointFolder: URL { url.appending(path: "checkpoints") }
    /// Where the finished student is saved.
    public var student: URL { url.appending(path: "student") }
    /// Where the fake score's adapters are saved, as PEFT's.
    public var fakeScore: URL { url.appending(path: "fake-score") }

    /// Where the run's ``RunReport`` is saved.
    public var report: URL { url.appending(path: "report.html") }

    /// Where the sheet of a step is saved.
    public func sheet(step: Int) -> URL { url.appending(path: "sheets/\(Self.name(step)).png") }

    private static func name(_ step: Int) -> String {
        let digits = "\(step)"
        return "step-" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
    }
}

extension RunDirectory {
    /// Records the settings of a new run, or goes on with the run that is there: from its newest checkpoint that can be
    /// read, with the metrics after it taken away.
    ///
    /// Throws ``DistillationError`` when the settings are not those of the run, `SafetensorsError` when the disk has no room
    /// for a checkpoint, and what the file system throws.
    public func begin(_ training: some ResumableTraining) throws {
        for name in ["checkpoints", "sheets"] {
            try FileManager.default.createDirectory(at: url.appending(path: name), withIntermediateDirectories: true)
        }
        try Safetensors.requireSpace(training.checkpointByteCount, for: checkpoint(of: training))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let record = try training.record()
        let file = url.appending(path: Self.configurationName)
        if let data = try? Data(contentsOf: file) {
            guard Self.isRecord(data, record) else {
                throw DistillationError.run(
                    path: file.path, expected: "the settings, prompts and pairs of this run", found: "others")
            }
        } else {
            try encoder.encode(record).write(to: file, options: .atomic)
        }
        for checkpoint in try checkpoints().reversed() {
            // One that was cut off by a full disk is passed over for the one before it.
            if (try? training.restoreCheckpoint(from: checkpoint)) != nil { break }
        }
        try dropMetrics(after: training.stepCount)
    }

    private static func isRecord<Record: Codable & Equatable>(_ data: Data, _ record: Record) -> Bool {
        (try? JSONDecoder().decode(Record.self, from: data)) == record
    }

    /// The loss that the run in the folder was begun with.
    ///
    /// - Parameter types: the losses that the caller knows.
    ///
    /// Throws ``DistillationError`` when there is no run, or its loss is none of them.
    public func loss(
        among types: [any DistillationLoss.Type] = SavedLoss.shippedTypes
    ) throws -> any DistillationLoss { try record().loss.loss(among: types) }

    /// The settings that the run in the folder was begun with. Throws ``DistillationError`` when there is no run.
    public func settings() throws -> DistillationConfiguration { try record().settings }

    private func record() throws -> Distiller.Record {
        let file = url.appending(path: Self.configurationName)
        guard let data = try? Data(contentsOf: file),
            let record = try? JSONDecoder().decode(Distiller.Record.self, from: data)
        else {
            throw DistillationError.run(path: file.path, expected: "the settings of a run", found: "none")
        }
        return record
    }

    /// Writes a checkpoint and takes old ones away. Throws what the file system throws.
    public func saveCheckpoint(of training: some ResumableTraining) throws {
        try training.saveCheckpoint(to: checkpoint(of: training))
        for old in try checkpoints().dropLast(max(1, keptCheckpoints)) { try FileManager.default.removeItem(at: old) }
    }

    private func checkpoint(of training: some ResumableTraining) -> URL {
        checkpointFolder.appending(path: "\(Self.name(training.stepCount)).safetensors")
    }

    private func checkpoints() throws -> [URL] {
        let names = try FileManager.default.contentsOfDirectory(atPath: checkpointFolder.path)
        for partial in names where partial.hasSuffix(".partial") {
            try? FileManager.default.removeItem(at: checkpointFolder.appending(path: partial))
        }
        return names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.sorted()
            .map { checkpointFolder.appending(path: $0) }
    }
}

extension RunDirectory {
    /// Adds a line to `metrics.jsonl`, or another file of JSON lines in the folder. Throws what the file system throws.
    public func record(_ step: some TrainingStep, in name: String = "metrics.jsonl") throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let lines = url.appending(path: name)
        if !FileManager.default.fileExists(atPath: lines.path) { try Data().write(to: lines) }
        let file = try FileHandle(forWritingTo: lines)
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: try encoder.encode(step) + Data("\n".utf8))
    }

    /// The recorded steps, in order; a line that was cut off is none. Throws what the file system throws.
    public func metrics<Step: TrainingStep>(
        _ type: Step.Type = DistillationStep.self, in name: String = "metrics.jsonl"
    ) throws -> [Step] {
        let lines = url.appending(path: name)
        guard FileManager.default.fileExists(atPath: lines.path) else { return [] }
        return try Data(contentsOf: lines).split(separator: UInt8(ascii: "\n"))
            .compactMap { try? JSONDecoder().decode(Step.self, from: Data($0)) }
    }

    /// Takes away the lines of steps that will be taken again, and lines that were cut off.
    private func dropMetrics(after step: Int) throws {
        struct Numbered: Decodable { let step: Int }
        let names = try FileManager.default.contentsOfDirectory(atPath: url.path).filter { $0.hasSuffix(".jsonl") }
        for name in names {
            let file = url.appending(path: name)
            let kept = try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).filter { line in
                guard let line = try? JSONDecoder().decode(Numbered.self, from: Data(line)) else { return false }
                return line.step <= step
            }
            try Data(kept.map { $0 + Data("\n".utf8) }.joined()).write(to: file, options: .atomic)
        }
    }
}
