import Foundation
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

@Suite("Resuming runs")
final class ResumeTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// All tensors of a run, as bit patterns.
    private func state(_ distiller: Distiller) -> [[UInt32]] {
        let sets = [distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters]
        let moments = [distiller.studentOptimizer, distiller.fakeScoreOptimizer].flatMap { optimizer in
            optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
        }
        return (sets.flatMap { $0.all.map(\.value) } + moments).map { $0.scalars.map(\.bitPattern) }
    }

    @Test("A run of five steps equals one that is resumed after the second, bit for bit", arguments: [1, 2])
    func bitExactResume(fakeScoreSteps: Int) throws {
        let reference = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        configuration.seed = 7
        configuration.fakeScoreTraining.updatesPerStudentUpdate = fakeScoreSteps
        configuration.learningRateSchedule = .cosine(warmUp: 1, total: 8)
        // The prompts run out in the second step, so the order of a new epoch is covered too.
        let straight = try reference.distiller(configuration)
        let reports = try (0..<5).map { _ in try straight.step() }

        let run = try RunDirectory(folder, resuming: false)
        let first = try reference.distiller(configuration)
        try run.begin(first)
        for _ in 0..<2 { try run.record(first.step()) }
        try run.saveCheckpoint(of: first)
        // A step after the checkpoint is lost with the process, and so is its line.
        try run.record(first.step())

        let second = try reference.distiller(configuration)
        let resumed = try RunDirectory(folder, resuming: true)
        try resumed.begin(second)
        #expect(second.stepCount == 2)
        for _ in 0..<3 { try resumed.record(second.step()) }
        #expect(state(second) == state(straight))
        #expect(second.streams == straight.streams)
        let recorded = try resumed.metrics()
        #expect(recorded.map(\.studentLoss) == reports.map(\.studentLoss))
        #expect(recorded.map(\.step) == [1, 2, 3, 4, 5])
    }

    @Test("A run is neither overwritten nor resumed with other settings")
    func conflicts() throws {
        let reference = try ReferenceRun()
        try RunDirectory(folder, resuming: false).begin(reference.distiller())
        #expect(throws: RunError.self) { try RunDirectory(folder, resuming: false) }
        var other = ReferenceRun.configuration
        other.studentLearningRate *= 2
        #expect(throws: RunError.self) {
            try RunDirectory(folder, resuming: true).begin(reference.distiller(other))
        }
        #expect(throws: RunError.self) {
            try RunDirectory(folder, resuming: true).begin(reference.distiller(loss: ScoreDistillationSampling()))
        }
        #expect(throws: RunError.self) {
            try RunDirectory(folder, resuming: true).begin(reference.distiller(prompts: 4))
        }
    }

    @Test("Insufficient disk space for a checkpoint is reported before the run starts, and nothing is written")
    func fullDisk() throws {
        let distiller = try ReferenceRun().distiller()
        let run = try RunDirectory(folder, resuming: false)
        let large = LargeTraining()
        #expect {
            try run.begin(large)
        } throws: { error in
            guard case SafetensorsError.unwritable(let path, let reason) = error else { return false }
            return path.hasSuffix("step-0000003.safetensors")
                && reason.hasPrefix("expected \(large.checkpointByteCount >> 20) MiB of room on the disk, found ")
        }
        #expect(throws: RunError.self) { try run.settings() }

        try run.begin(distiller)
        let file = folder.appending(path: "checkpoints/step-0000000.safetensors")
        try run.saveCheckpoint(of: distiller)
        let written = try SafetensorsFile(contentsOf: file)
        let shapes = written.names.filter { $0 != "checksum" }.compactMap { written.info($0)?.shape }
        let count: Int = shapes.map { $0.reduce(1, *) }.reduce(0, +)
        #expect(distiller.checkpointByteCount == 4 * count)
    }

    @Test("A truncated checkpoint is skipped for the previous one; old checkpoints are removed")
    func damagedCheckpoint() throws {
        let reference = try ReferenceRun()
        let run = try RunDirectory(folder, resuming: false)
        let distiller = try reference.distiller()
        try run.begin(distiller)
        for _ in 0..<3 {
            try run.record(distiller.step())
            try run.saveCheckpoint(of: distiller)
        }
        let checkpoints = folder.appending(path: "checkpoints")
        let names = try FileManager.default.contentsOfDirectory(atPath: checkpoints.path).sorted()
        #expect(names == ["step-0000002.safetensors", "step-0000003.safetensors"])
        let newest = checkpoints.appending(path: names[1])
        try Data(contentsOf: newest).dropLast(1000).write(to: newest)
        let resumed = try reference.distiller()
        try RunDirectory(folder, resuming: true).begin(resumed)
        #expect(resumed.stepCount == 2)
    }

    @Test("A checkpoint of another network is rejected and changes nothing")
    func foreignCheckpoint() throws {
        let reference = try ReferenceRun()
        let small = try reference.distiller()
        var configuration = ReferenceRun.configuration
        configuration.adapterRank = 2
        let file = folder.appending(path: "other.safetensors")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try reference.distiller(configuration).saveCheckpoint(to: file)
        let before = state(small)
        #expect(throws: RunError.self) { try small.restoreCheckpoint(from: file) }
        #expect(state(small) == before)
    }
}

/// A training whose checkpoints do not fit on any disk.
private final class LargeTraining: ResumableTraining {
    let stepCount = 3
    let checkpointByteCount = 1 << 60

    func record() -> [String: Int] { [:] }
    func step() throws -> DistillationStep { throw CancellationError() }
    func saveCheckpoint(to url: URL) throws {}
    func restoreCheckpoint(from url: URL) throws {}
}
