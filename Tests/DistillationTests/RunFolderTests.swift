import Foundation
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

/// How a run treats its folder and other files in it.
@Suite("A run's folder")
final class RunFolderTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "folder-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ text: String, to name: String) throws {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    private func contents() throws -> [String: Data] {
        let names = try #require(FileManager.default.subpaths(atPath: folder.path))
        var files: [String: Data] = [:]
        for name in names { files[name] = try? Data(contentsOf: folder.appending(path: name)) }
        return files
    }

    @Test("RunFolder: a folder with other files is rejected with their names; if allowed, they are left alone")
    func otherFiles() throws {
        let others = [
            "captions.jsonl": "{\"step\":9}\n", ".own.partial": "", "pictures/a.png": "x", "z": "1", "y": "2",
        ]
        for (name, text) in others { try write(text, to: name) }
        let before = try contents()
        for resuming in [false, true] {
            let error = #expect(throws: RunError.self) { try RunDirectory(folder, resuming: resuming) }
            #expect(
                error?.description.contains(".own.partial, captions.jsonl, pictures and 2 more, and no run") == true)
        }
        #expect(try contents() == before)
        let run = try RunDirectory(folder, resuming: false, allowingOtherFiles: true)
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        for _ in 0..<3 {
            try run.record(distiller.step())
            try run.saveCheckpoint(of: distiller)
        }
        try RunDirectory(folder, resuming: true).begin(ReferenceRun().distiller())
        #expect(try contents().filter { before[$0.key] != nil } == before)
    }

    @Test(
        "RunFolder: a folder without a run is rejected if it contains a file named like a run's",
        arguments: [
            "metrics.jsonl", "student/model_index.json", "checkpoints/step-0000001.safetensors", "report.html",
            "configuration.json",
        ])
    func sameNames(name: String) throws {
        try write("another's", to: name)
        for (resuming, allowed) in [(false, false), (false, true), (true, false), (true, true)] {
            #expect(throws: RunError.self) {
                try RunDirectory(folder, resuming: resuming, allowingOtherFiles: allowed)
            }
        }
        #expect(try contents() == [name: Data("another's".utf8)])
    }

    @Test("RunFolder: only temporary files of a killed run are removed")
    func leftovers() throws {
        let run = try RunDirectory(folder, resuming: false)
        try run.begin(ReferenceRun().distiller())
        let own = ".step-0000009.safetensors.\(UUID().uuidString).partial"
        let kept = ["checkpoints/.download.partial", "checkpoints/x.\(UUID().uuidString).partial", "sheets/mine.png"]
        for name in kept + ["checkpoints/\(own)", ".metrics.jsonl.\(UUID().uuidString).partial"] {
            try write("", to: name)
        }
        try RunDirectory(folder, resuming: true).begin(ReferenceRun().distiller())
        let left = try contents().keys.filter { $0.hasSuffix("partial") || $0.hasSuffix("mine.png") }
        #expect(left.sorted() == kept.sorted())
    }

    @Test("RunFolder: a run is locked against other processes until its process ends")
    func lock() throws {
        let file = folder.appending(path: "run.lock")
        try write("4711\n", to: "run.lock")
        // This acts as another process would, since a lock belongs to the opened file.
        let other = open(file.path, O_RDWR)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        let run = try RunDirectory(folder, resuming: false)
        let error = #expect(throws: FileError.self) { try run.claim() }
        #expect(error?.description.contains("another process works in this folder, number 4711") == true)
        close(other)
        try run.claim()
        let second = open(file.path, O_RDWR)
        #expect(flock(second, LOCK_EX | LOCK_NB) != 0)
        close(second)
        withExtendedLifetime(run) {}
    }
}
