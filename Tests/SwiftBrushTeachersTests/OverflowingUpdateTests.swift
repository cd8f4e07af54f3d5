import Autograd
import DiffusionModels
import Foundation
import Tensor
import Testing

@testable import SwiftBrushRuntime
@testable import SwiftBrushTeachers

@Suite("Updates that overflow")
struct OverflowingUpdateTests {
    /// Gives the optimiser a finite first moment that is large beside a second moment of 0, takes a step, which must throw, and checks that
    /// `state` stays as it was.
    private func check(
        _ optimizer: Adam, _ name: String, _ sets: [ParameterSet], state: () -> [Int], step: () throws -> Void
    ) throws {
        let key = try #require(optimizer.state.tensors.keys.sorted().first { $0.hasPrefix("first.") })
        let shape = try #require(optimizer.state.tensors[key]?.shape)
        optimizer.state.tensors[key] = Tensor(repeating: 3e38, shape: shape)
        optimizer.state.tensors[key.replacing("first.", with: "second.")] = .zeros(shape)
        func bits() -> [[UInt32]] {
            let moments = optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
            return (sets.flatMap { $0.all.map(\.value) } + moments).map { $0.scalars.map(\.bitPattern) }
        }
        let (before, counts) = (bits(), state())
        do {
            try step()
            Issue.record("no error")
        } catch RunError.nonFinite(_, let tensor, let count) {
            #expect(tensor == "\(name) after the update" && count > 0)
        }
        #expect(bits() == before)
        #expect(state() == counts)
        #expect(sets[0].all.allSatisfy { $0.gradient == nil })
    }

    @Test("A finite gradient whose update overflows leaves an autoencoder's trainer as it was")
    func autoencoder() throws {
        var settings = AutoencoderTrainingConfiguration()
        (settings.batchSize, settings.iterations) = (2, 500)
        let trainer = try AutoencoderTrainer(pictures: SmallSet.pictures(), configuration: settings)
        // The learning rate is 0 in the first step.
        for _ in 0..<2 { try trainer.step() }
        let streams = trainer.streams
        try check(
            trainer.optimizer, "the autoencoder", [trainer.autoencoder.parameters, trainer.average.parameters],
            state: { [trainer.stepCount, trainer.average.updateCount, trainer.optimizer.state.stepCount] },
            step: { try trainer.step() })
        #expect(trainer.streams == streams)
    }

    @Test("A finite gradient whose update overflows leaves a teacher's trainer as it was")
    func teacher() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "overflow-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let pictures = try SmallSet.pictures()
        try CLIPTokenizer.learn(
            from: pictures.captions.map(\.text), vocabularySize: 540, maximumLength: 12, to: folder)
        var settings = TeacherTrainingConfiguration()
        (settings.batchSize, settings.iterations, settings.warmUp) = (2, 500, 1)
        let trainer = try TeacherTrainer(
            pictures: pictures, autoencoder: SmallSet.autoencoder(), tokenizer: CLIPTokenizer(contentsOf: folder),
            blockChannels: [16, 32], configuration: settings)
        for _ in 0..<2 { try trainer.step() }
        let streams = trainer.streams
        try check(
            trainer.optimizer, "the teacher",
            [
                trainer.network.parameters, trainer.textEncoder.parameters, trainer.networkAverage.parameters,
                trainer.textEncoderAverage.parameters,
            ],
            state: { [trainer.stepCount, trainer.networkAverage.updateCount, trainer.optimizer.state.stepCount] },
            step: { try trainer.step() })
        #expect(trainer.streams == streams)
    }
}
