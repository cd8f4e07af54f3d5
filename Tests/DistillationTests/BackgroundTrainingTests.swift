import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

@Suite("BackgroundTraining", .timeLimit(.minutes(2)))
struct BackgroundTrainingTests {
    private func numbers(_ distiller: Distiller) -> [Double] {
        [distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters]
            .flatMap { $0.all.map { $0.value.squaredNorm() } }
    }

    private func training() throws -> BackgroundTraining<Distiller> {
        BackgroundTraining(try ReferenceRun().distiller())
    }

    @Test("The steps of a distillation are an asynchronous sequence, the same as taken directly")
    func steps() async throws {
        let training = try training()
        var losses: [Double] = []
        for try await step in training.steps(to: 3) { losses.append(step.studentLoss) }
        let expected = try {
            let distiller = try ReferenceRun().distiller()
            return (losses: try (0..<3).map { _ in try distiller.step().studentLoss }, numbers: numbers(distiller))
        }()
        #expect(losses == expected.losses)
        #expect(await training.withTraining { numbers($0) } == expected.numbers)
        #expect(await training.stepCount == 3)
    }

    @Test("A cancelled step leaves the training as it was before")
    func cancellation() async throws {
        let training = try training()
        try await training.step()
        let before = await training.withTraining { numbers($0) }
        let task = Task {
            // Within the step, not before it.
            try await training.withTraining { distiller in
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try distiller.step()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await training.stepCount == 1)
        #expect(await training.withTraining { numbers($0) } == before)
        try await training.step()
        let expected = try {
            let distiller = try ReferenceRun().distiller()
            for _ in 0..<2 { try distiller.step() }
            return numbers(distiller)
        }()
        #expect(await training.withTraining { numbers($0) } == expected)
    }

    @Test("A run that is cancelled writes a checkpoint and is resumed bit for bit")
    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try training()
        let task = Task {
            var count = 0
            let run = try RunDirectory(folder, resuming: false)
            for try await _ in first.steps(to: 4, in: run, checkpointEvery: 4) {
                count += 1
                if count == 2 { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        let second = try training()
        var steps: [Int] = []
        for try await step in second.steps(
            to: 4, in: try RunDirectory(folder, resuming: true), checkpointEvery: 4)
        {
            steps.append(step.step)
        }
        #expect(steps == [3, 4])
        let expected = try {
            let distiller = try ReferenceRun().distiller()
            for _ in 0..<4 { try distiller.step() }
            return numbers(distiller)
        }()
        #expect(await second.withTraining { numbers($0) } == expected)
        #expect(try RunDirectory(folder, resuming: true).metrics().map(\.step) == [1, 2, 3, 4])
    }
}
