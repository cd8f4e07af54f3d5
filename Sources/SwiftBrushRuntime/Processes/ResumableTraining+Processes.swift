import DiffusionModels
import Foundation
import Tensor

extension ResumableTraining {
    /// Throws ``ProcessError/differs(rank:count:expected:found:)`` if a process was started with other settings or other data than the one
    /// with rank 0.
    func checkProcesses() throws {
        let all = try group.results { Start(record: try record(), contents: try contents()) }
        for (rank, other) in all.enumerated() {
            guard other.record == all[0].record else {
                let fields = differingFields(all[0].record, other.record)
                throw ProcessError.differs(
                    rank: rank, count: group.count, expected: fields.expected, found: fields.found)
            }
            let names = other.contents.differences(from: all[0].contents)
            guard names.isEmpty else {
                throw ProcessError.differs(
                    rank: rank, count: group.count, expected: names.joined(separator: ", "), found: "others")
            }
        }
    }

    /// Sends the checkpoint from which the process with rank 0 has resumed to the others, which restore it.
    ///
    /// - Parameter file: the checkpoint; read in the process with rank 0.
    func shareCheckpoint(_ file: URL?) throws {
        // 0 for no checkpoint.
        let size = try group.results { () throws -> Int in
            guard group.rank == 0, stepCount > 0, let file else { return 0 }
            return try FileError.attempt(.reading, file.path) {
                try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
            }
        }[0]
        guard size > 0 else { return }
        let copy = FileManager.default.temporaryDirectory.appending(path: "checkpoint-\(UUID().uuidString).safetensors")
        defer { if group.rank > 0 { try? FileManager.default.removeItem(at: copy) } }
        for start in stride(from: 0, to: size, by: ProcessMessage.size) {
            var part = Data()
            _ = try group.results {
                if group.rank == 0, let file { part = try ProcessMessage.read(file, from: start) }
                return true
            }
            part = try group.broadcast(part)
            _ = try group.results {
                if group.rank > 0 { try ProcessMessage.append(part, to: copy) }
                return true
            }
        }
        _ = try group.results {
            if group.rank > 0 { try restoreCheckpoint(from: copy) }
            return true
        }
    }
}

/// What a process was started with.
private struct Start<Record: Codable>: Codable {
    let record: Record
    let contents: RunContents
}

/// The parts in which a file is sent.
private enum ProcessMessage {
    static let size = 1 << 26

    static func read(_ file: URL, from start: Int) throws -> Data {
        try FileError.attempt(.reading, file.path) {
            let handle = try FileHandle(forReadingFrom: file)
            defer { try? handle.close() }
            try handle.seek(toOffset: UInt64(start))
            return try handle.read(upToCount: size) ?? Data()
        }
    }

    static func append(_ part: Data, to file: URL) throws {
        try FileError.attempt(.writing, file.path) {
            if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
            let handle = try FileHandle(forWritingTo: file)
            defer { try? handle.close() }
            try handle.seekToEnd()
            try handle.write(contentsOf: part)
        }
    }
}
