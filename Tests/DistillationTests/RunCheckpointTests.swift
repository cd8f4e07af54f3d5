import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

/// Checkpoints that are damaged, missing or of another run.
@Suite("A run's checkpoints")
final class RunCheckpointTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "checkpoints-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "checkpoints").path).sorted()
    }

    private func checkpoint(_ step: Int) -> URL {
        folder.appending(path: "checkpoints/step-000000\(step).safetensors")
    }

    private func cut(_ file: URL) throws { try Data(contentsOf: file).dropLast(1000).write(to: file) }

    /// A run with a checkpoint after each of `steps` steps.
    private func run(steps: Int, kept: Int = 2) throws -> RunDirectory {
        var run = try RunDirectory(folder, resuming: false)
        run.keptCheckpoints = kept
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        for _ in 0..<steps {
            try run.record(distiller.step())
            try run.saveCheckpoint(of: distiller)
        }
        return run
    }

    @Test("RunCheckpoint: a flipped bit is detected in header, numbers and checksum")
    func flippedBits() throws {
        let distiller = try ReferenceRun().distiller()
        let file = folder.appending(path: "checkpoint.safetensors")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try distiller.saveCheckpoint(to: file)
        let whole = try Data(contentsOf: file)
        let header = 8 + whole.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var stream = RandomStream(seed: 1)
        let places =
            Array(0..<8) + Array(whole.count - 8..<whole.count) + stream.integers(60, in: 8..<header)
            + stream.integers(60, in: header..<whole.count)
        for (index, place) in places.enumerated() {
            var damaged = whole
            damaged[place] ^= 1 << UInt8(index % 8)
            try damaged.write(to: file)
            #expect(throws: SafetensorsError.self, "byte \(place)") { try distiller.restoreCheckpoint(from: file) }
        }
        // Also in the checksum's name.
        var renamed = whole
        let name = try #require(whole.range(of: Data("\"checksum\"".utf8)))
        renamed[name.lowerBound + 1] ^= 1
        try renamed.write(to: file)
        #expect(throws: SafetensorsError.self) { try distiller.restoreCheckpoint(from: file) }
        try whole.write(to: file)
        try distiller.restoreCheckpoint(from: file)
    }

    @Test("RunCheckpoint: damaged checkpoints are removed once enough intact ones exist")
    func pruning() throws {
        _ = try run(steps: 4, kept: 3)
        try cut(checkpoint(4))
        try cut(checkpoint(3))
        let distiller = try ReferenceRun().distiller()
        let resumed = try RunDirectory(folder, resuming: true)
        try resumed.begin(distiller)
        #expect(distiller.stepCount == 2)
        #expect(try names().count == 3)
        try resumed.record(distiller.step())
        try resumed.saveCheckpoint(of: distiller)
        #expect(try names() == ["step-0000002.safetensors", "step-0000003.safetensors"])
        try distiller.restoreCheckpoint(from: checkpoint(3))
    }

    @Test("RunCheckpoint: a run without an intact checkpoint is not resumed, and keeps its files")
    func noneWhole() throws {
        _ = try run(steps: 3)
        for step in [2, 3] { try cut(checkpoint(step)) }
        let metrics = try Data(contentsOf: folder.appending(path: "metrics.jsonl"))
        let resumed = try RunDirectory(folder, resuming: true)
        let error = #expect(throws: RunError.self) { try resumed.begin(ReferenceRun().distiller()) }
        #expect(error?.description.contains("2 and none is intact") == true)
        for step in [2, 3] { try FileManager.default.removeItem(at: checkpoint(step)) }
        let missing = #expect(throws: RunError.self) { try resumed.begin(ReferenceRun().distiller()) }
        #expect(missing?.description.contains("expected the checkpoint of step 3") == true)
        #expect(try Data(contentsOf: folder.appending(path: "metrics.jsonl")) == metrics)
    }

    @Test("RunCheckpoint: a run that ended before its first checkpoint starts at step 0")
    func beforeTheFirst() throws {
        let run = try RunDirectory(folder, resuming: false)
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        try run.record(distiller.step())
        let again = try ReferenceRun().distiller()
        let resumed = try RunDirectory(folder, resuming: true)
        try resumed.begin(again)
        #expect(again.stepCount == 0)
        #expect(try resumed.metrics().isEmpty)
    }

    @Test("RunCheckpoint: a different teacher, embedding or pair of the same shape is rejected by name")
    func otherContents() throws {
        func pairs(_ change: Float) throws -> Distiller {
            try ReferenceRun().distiller(loss: DMD()) { _ in
                var stream = RandomStream(seed: 9)
                var resources = DistillationResources()
                let (noise, pictures) = (stream.normal([4, 8, 8, 4]), stream.normal([4, 8, 8, 4]))
                resources.pairs = try TeacherPairs(noise: noise, pictures: pictures + change, prompts: [0, 2, 4, 1])
                return resources
            }
        }
        try RunDirectory(folder, resuming: false).begin(pairs(0))
        let resumed = try RunDirectory(folder, resuming: true)
        // The last bits may differ between processors.
        try resumed.begin(pairs(1e-5))
        let error = #expect(throws: RunError.self) { try resumed.begin(pairs(0.1)) }
        #expect(error?.description.hasSuffix("expected the pairs of this run, found others") == true)

        let other = try ReferenceRun()
        let weight = try #require(other.teacher.parameters.all.last)
        weight.value = weight.value + 1e-6
        var resources = try pairs(0).resources
        resources.decoder = nil
        let teacher = #expect(throws: RunError.self) {
            try resumed.begin(other.distiller(loss: DMD()) { _ in resources })
        }
        #expect(teacher?.description.contains("expected the teacher of this run") == true)

        let conditions = try PromptConditions(
            TextCondition(tokens: try other.tensor("embeddings") * 1.01),
            null: TextCondition(tokens: try other.tensor("null")))
        #expect(
            Distiller.contents(
                student: try pairs(0).student, teacher: other.teacher, schedule: other.schedule,
                conditions: conditions, resources: resources
            ).differences(from: try pairs(0).contents()) == ["prompt embeddings", "teacher"])
    }

    @Test("RunCheckpoint: differing settings are reported with both values")
    func otherSettings() throws {
        try RunDirectory(folder, resuming: false).begin(ReferenceRun().distiller())
        var other = ReferenceRun.configuration
        other.batchSize = 4
        let resumed = try RunDirectory(folder, resuming: true)
        let error = #expect(throws: RunError.self) { try resumed.begin(ReferenceRun().distiller(other)) }
        #expect(error?.description.contains("settings.batchSize 3, found settings.batchSize 4") == true)
    }

    @Test("RunCheckpoint: a run of an earlier version, without contents and checksums, is resumed")
    func earlierVersion() throws {
        _ = try run(steps: 2)
        for name in ["contents.json", "run.lock", "newest-checkpoint"] {
            try FileManager.default.removeItem(at: folder.appending(path: name))
        }
        let file = try SafetensorsFile(contentsOf: checkpoint(2))
        let tensors = try file.names.filter { $0 != "checksum" }.map { (name: $0, tensor: try file.tensor($0)) }
        try Safetensors.write(tensors, metadata: file.metadata, to: checkpoint(2))
        let settings = folder.appending(path: "configuration.json")
        var text = try String(contentsOf: settings, encoding: .utf8)
        for (new, old) in [
            ("fakeScoreWarmUpSteps", "fakeScoreHeadStart"), ("updatesPerStudentUpdate", "stepsPerStudentStep"),
            ("usesNewSamples", "drawsNewPictures"), ("dropsPromptsPerSample", "dropsPromptsOneByOne"),
        ] {
            #expect(text.contains("\"\(new)\""))
            text = text.replacing(new, with: old)
        }
        try Data(text.utf8).write(to: settings)
        let distiller = try ReferenceRun().distiller()
        try RunDirectory(folder, resuming: true).begin(distiller)
        #expect(distiller.stepCount == 2)
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "contents.json").path))
    }
}
