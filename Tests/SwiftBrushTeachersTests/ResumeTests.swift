import Autograd
import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import SwiftBrushRuntime
@testable import SwiftBrushTeachers

@Suite("Resuming a training")
final class ResumeTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func bits(_ sets: [ParameterSet], _ optimizer: Adam) -> [[UInt32]] {
        let moments = optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
        return (sets.flatMap { $0.all.map(\.value) } + moments).map { $0.scalars.map(\.bitPattern) }
    }

    private func teacher(learningRate: Double = 1e-3, iterations: Int = 8) throws -> TeacherTrainer {
        let pictures = try SmallSet.pictures()
        let tokenizer = folder.appending(path: "tokenizer")
        try CLIPTokenizer.learn(
            from: pictures.captions.map(\.text), vocabularySize: 540, maximumLength: 12, to: tokenizer)
        var configuration = TeacherTrainingConfiguration()
        (configuration.batchSize, configuration.iterations, configuration.warmUp) = (3, iterations, 1)
        configuration.learningRate = learningRate
        return try TeacherTrainer(
            pictures: pictures, autoencoder: SmallSet.autoencoder(), tokenizer: CLIPTokenizer(contentsOf: tokenizer),
            blockChannels: [16, 32], configuration: configuration)
    }

    @Test("A teacher's training that is resumed after two of five steps equals an uninterrupted one bit for bit")
    func teacherResumes() throws {
        let straight = try teacher()
        let reports = try (0..<5).map { _ in try straight.step() }

        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        let first = try teacher()
        try run.begin(first)
        for _ in 0..<2 { try run.record(first.step()) }
        try run.saveCheckpoint(of: first)
        // A step after the checkpoint and its line in the metrics are discarded when the run is resumed.
        try run.record(first.step())

        let second = try teacher()
        let resumed = try RunDirectory(run.url, resuming: true)
        try resumed.begin(second)
        #expect(second.stepCount == 2)
        for _ in 0..<3 { try resumed.record(second.step()) }
        func state(_ trainer: TeacherTrainer) -> [[UInt32]] {
            bits(
                [
                    trainer.network.parameters, trainer.textEncoder.parameters, trainer.networkAverage.parameters,
                    trainer.textEncoderAverage.parameters,
                ], trainer.optimizer)
        }
        #expect(state(second) == state(straight))
        #expect(second.streams == straight.streams)
        let recorded = try resumed.metrics(TeacherStep.self)
        #expect(recorded.map(\.loss) == reports.map(\.loss))
        #expect(recorded.map(\.step) == [1, 2, 3, 4, 5])
    }

    @Test("An autoencoder's training that is resumed after two of four steps equals an uninterrupted one bit for bit")
    func autoencoderResumes() throws {
        func trainer() throws -> AutoencoderTrainer {
            var configuration = AutoencoderTrainingConfiguration()
            (configuration.batchSize, configuration.iterations) = (2, 6)
            return try AutoencoderTrainer(pictures: SmallSet.pictures(), configuration: configuration)
        }
        let straight = try trainer()
        for _ in 0..<4 { try straight.step() }
        let run = try RunDirectory(folder, resuming: false)
        let first = try trainer()
        try run.begin(first)
        for _ in 0..<2 { try first.step() }
        try run.saveCheckpoint(of: first)
        let second = try trainer()
        try RunDirectory(folder, resuming: true).begin(second)
        for _ in 0..<2 { try second.step() }
        func state(_ trainer: AutoencoderTrainer) -> [[UInt32]] {
            bits([trainer.autoencoder.parameters, trainer.average.parameters], trainer.optimizer)
        }
        #expect(second.stepCount == 4)
        #expect(state(second) == state(straight))
        #expect(second.streams == straight.streams)
    }

    @Test("A run can be resumed with more iterations, but not with other settings or another trainer's checkpoint")
    func conflicts() throws {
        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        let trainer = try teacher()
        try run.begin(trainer)
        #expect(throws: RunError.self) { try run.begin(teacher(learningRate: 2e-3)) }
        try run.begin(teacher(iterations: 16))
        let other = try AutoencoderTrainer(pictures: SmallSet.pictures())
        let file = folder.appending(path: "other.safetensors")
        try other.saveCheckpoint(to: file)
        #expect(throws: (any Error).self) { try trainer.restoreCheckpoint(from: file) }
    }
}
