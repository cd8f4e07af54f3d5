import Foundation
import Tensor

extension RunDirectory {
    /// Appends a line to `metrics.jsonl`, or to another JSON Lines file in the folder. Throws `FileError`.
    ///
    /// A file that ``ResumableTraining/metricsFiles`` does not name keeps its lines when the run is resumed from an earlier step.
    public func record(_ step: some TrainingStep, in name: String = "metrics.jsonl") throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let lines = url.appending(path: name)
        try FileError.attempt(.writing, lines.path) {
            if !FileManager.default.fileExists(atPath: lines.path) { try Data().write(to: lines) }
            let file = try FileHandle(forWritingTo: lines)
            defer { try? file.close() }
            try file.seekToEnd()
            try file.write(contentsOf: try encoder.encode(step) + Data("\n".utf8))
        }
    }

    /// The recorded steps, in order; truncated lines are ignored. Throws `FileError`.
    public func metrics<Step: TrainingStep>(
        _ type: Step.Type, in name: String = "metrics.jsonl"
    ) throws -> [Step] {
        let lines = url.appending(path: name)
        guard FileManager.default.fileExists(atPath: lines.path) else { return [] }
        return try FileContents.read(lines).split(separator: UInt8(ascii: "\n"))
            .compactMap { try? JSONDecoder().decode(Step.self, from: Data($0)) }
    }

    /// Removes the lines of steps that will be repeated, and truncated lines.
    func dropMetrics(in names: [String], after step: Int) throws {
        struct Numbered: Decodable { let step: Int }
        for name in names {
            let file = url.appending(path: name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            let all = try FileContents.read(file)
            let kept = all.split(separator: UInt8(ascii: "\n")).filter { line in
                guard let line = try? JSONDecoder().decode(Numbered.self, from: Data(line)) else { return false }
                return line.step <= step
            }
            let rest = Data(kept.map { $0 + Data("\n".utf8) }.joined())
            if rest != all { try DurableFile.write(rest, to: file) }
        }
    }

    func hasMetrics() throws -> Bool {
        let file = url.appending(path: Self.metricsName)
        return try FileManager.default.fileExists(atPath: file.path) && !FileContents.read(file).isEmpty
    }

    /// Waits until the lines are on disk, so that the metrics contain all steps of a checkpoint.
    func synchronizeMetrics() throws {
        let file = url.appending(path: Self.metricsName)
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        try FileError.attempt(.writing, file.path) {
            let handle = try FileHandle(forUpdating: file)
            try handle.synchronize()
            try handle.close()
        }
    }
}
