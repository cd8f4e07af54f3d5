import DiffusionModels
import Foundation
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

/// The loop of ``RunDirectory/train(_:iterations:checkpointEvery:sheetEvery:measurement:stopsOnSignals:progress:saveSheet:)``.
@Suite("Training loop", .serialized)
final class TrainingLoopTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "loop-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private struct Stop: Error {}

    private func sheet(_ run: RunDirectory, _ distiller: Distiller) throws {
        try Data().write(to: run.sheet(step: distiller.stepCount))
    }

    @Test("TrainingLoop: a sample grid that a killed run lacks is made when it is resumed; others are not repeated")
    func missingSheet() throws {
        let run = try RunDirectory(folder, resuming: false)
        let first = try ReferenceRun().distiller()
        try run.begin(first)
        #expect(throws: Stop.self) {
            try run.train(
                first, iterations: 4, checkpointEvery: 2, sheetEvery: 2, stopsOnSignals: false,
                saveSheet: { throw Stop() })
        }
        let second = try ReferenceRun().distiller()
        let resumed = try RunDirectory(folder, resuming: true)
        try resumed.begin(second)
        var steps: [Int] = []
        try resumed.train(
            second, iterations: 4, checkpointEvery: 2, sheetEvery: 2, stopsOnSignals: false,
            saveSheet: {
                steps.append(second.stepCount)
                try sheet(resumed, second)
            })
        #expect(steps == [2, 4])
        #expect(try resumed.metrics().map(\.step) == [1, 2, 3, 4])
    }

    @Test("TrainingLoop: resumed from an older checkpoint, the sample grids after it are made again")
    func repeatedSheets() throws {
        let run = try RunDirectory(folder, resuming: false)
        let first = try ReferenceRun().distiller()
        try run.begin(first)
        try run.train(
            first, iterations: 4, checkpointEvery: 2, sheetEvery: 2, stopsOnSignals: false,
            saveSheet: { try sheet(run, first) })
        try Data("x".utf8).write(to: folder.appending(path: "sheets/other.png"))
        try Data("x".utf8).write(to: run.checkpoint(step: 4))
        let second = try ReferenceRun().distiller()
        try RunDirectory(folder, resuming: true).begin(second)
        #expect(second.stepCount == 2)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "sheets").path)
        #expect(left.sorted() == ["other.png", "step-0000002.png"])
    }

    @Test("TrainingLoop: after SIGINT, SIGTERM or SIGHUP the step ends and a checkpoint is written")
    func signals() async {
        // In a process of its own, because a signal reaches all trainings of a process.
        await #expect(processExitsWith: .success) {
            for signal in [SIGINT, SIGTERM, SIGHUP] { try TrainingLoopTests().stop(by: signal) }
        }
    }

    private func stop(by signal: Int32) throws {
        let run = try RunDirectory(folder.appending(path: "\(signal)"), resuming: false)
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        let stop = #expect(throws: StoppedBySignal.self) {
            try run.train(
                distiller, iterations: 9, checkpointEvery: 9,
                progress: {
                    // Sent to the process: test threads block signals, which would stay pending.
                    guard $0.step == 2 else { return }
                    kill(getpid(), signal)
                    usleep(100_000)
                })
        }
        #expect(stop?.exitCode == 128 + signal)
        #expect(stop?.description.contains("step 2 of 9; its checkpoint is written") == true)
        let again = try ReferenceRun().distiller()
        try RunDirectory(run.url, resuming: true).begin(again)
        #expect(again.stepCount == 2)
    }

    @Test("TrainingLoop: an ignored signal stays ignored, and its handler is restored afterwards")
    func ignoredSignal() async {
        await #expect(processExitsWith: .success) {
            let before = signal(SIGHUP, SIG_IGN)
            do {
                let signals = StopSignals()
                raise(SIGHUP)
                #expect(signals.received == nil)
            }
            let after = signal(SIGHUP, before)
            #expect(unsafeBitCast(after, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self))
        }
    }

    @Test("TrainingLoop: the checkpoint of the best measurement is kept beside the newest, and can be restored")
    func bestCheckpoint() throws {
        let values = [0: 5.0, 2: 1, 4: 3, 6: 2]
        let run = try RunDirectory(folder, resuming: false)
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        var best: [[UInt32]] = []
        func train(_ distiller: Distiller, _ run: RunDirectory, to iterations: Int, failingAt failing: Int?) throws {
            let measurement = RunMeasurement("distance", every: 2) {
                if distiller.stepCount == failing { throw Stop() }
                if distiller.stepCount == 2 { best = distiller.bits }
                return values[distiller.stepCount] ?? .nan
            }
            try run.train(
                distiller, iterations: iterations, checkpointEvery: 3, measurement: measurement, stopsOnSignals: false)
        }
        // The process ends between the checkpoint and the measurement of step 4, which is made up for.
        #expect(throws: Stop.self) { try train(distiller, run, to: 6, failingAt: 4) }
        #expect(try run.measurements().map(\.step) == [0, 2])
        let resumed = try RunDirectory(folder, resuming: true)
        let second = try ReferenceRun().distiller()
        try resumed.begin(second)
        #expect(second.stepCount == 4)
        try train(second, resumed, to: 6, failingAt: nil)
        #expect(try resumed.measurements().map(\.step) == [0, 2, 4, 6])
        #expect(try resumed.checkpoints() == [2, 4, 6].map(resumed.checkpoint))
        let last = second.bits
        let found = try #require(try resumed.restoreBest(of: second))
        #expect(found == MeasuredStep(step: 2, values: ["distance": 1]))
        #expect(second.bits == best && second.bits != last)
        // A later run goes on from the newest checkpoint.
        let third = try ReferenceRun().distiller()
        try RunDirectory(folder, resuming: true).begin(third)
        #expect(third.bits == last)
    }

    @Test("TrainingLoop: a measurement that is not a number ends the run with its name")
    func brokenMeasurement() throws {
        let run = try RunDirectory(folder, resuming: false)
        let distiller = try ReferenceRun().distiller()
        try run.begin(distiller)
        let expected = RunError.nonFinite(step: 0, tensor: "distance", count: 1)
        #expect(throws: expected) {
            try run.train(
                distiller, iterations: 1, checkpointEvery: 1,
                measurement: RunMeasurement("distance", every: 1) { .nan }, stopsOnSignals: false)
        }
    }
}
