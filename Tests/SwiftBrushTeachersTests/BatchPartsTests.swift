import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import SwiftBrushTeachers

@Suite("A training's batches in parts")
final class BatchPartsTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "parts-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func bits(_ sets: [ParameterSet], _ optimizer: Adam) -> [[UInt32]] {
        let moments = optimizer.state.tensors.sorted { $0.key < $1.key }.map(\.value)
        return (sets.flatMap { $0.all.map(\.value) } + moments).map { $0.scalars.map(\.bitPattern) }
    }

    @Test("Several processes train the same teacher as one, bit for bit")
    func teacher() throws {
        let pictures = try SmallSet.pictures()
        let tokenizer = folder.appending(path: "tokenizer")
        try CLIPTokenizer.learn(
            from: pictures.captions.map(\.text), vocabularySize: 540, maximumLength: 12, to: tokenizer)
        func run(_ group: any ProcessGroup, parts: Int) throws -> (bits: [[UInt32]], losses: [[Double]], first: Tensor)
        {
            var configuration = TeacherTrainingConfiguration()
            (configuration.batchSize, configuration.iterations, configuration.warmUp) = (5, 8, 1)
            configuration.accumulatedParts = parts
            let trainer = try TeacherTrainer(
                pictures: pictures, autoencoder: SmallSet.autoencoder(),
                tokenizer: CLIPTokenizer(contentsOf: tokenizer), blockChannels: [16, 32], configuration: configuration)
            trainer.group = group
            let losses = try (0..<3).map { _ in
                let step = try trainer.step()
                return [step.loss, step.epsilonLoss, step.originalError, step.gradientNorm]
            }
            let state = trainer.optimizer.state.tensors.filter { $0.key.hasPrefix("first.") }
            let first = Tensor.concatenate(
                state.sorted { $0.key < $1.key }.map { $0.value.reshaped(to: [$0.value.count]) }, axis: 0)
            let sets = [
                trainer.network.parameters, trainer.textEncoder.parameters, trainer.networkAverage.parameters,
                trainer.textEncoderAverage.parameters,
            ]
            return (bits(sets, trainer.optimizer), losses, first)
        }
        let one = try run(SingleProcess(), parts: 4)
        for count in 2...4 {
            for process in try ThreadGroup.run(count, { try run($0, parts: 4) }) {
                let isSame = process.bits == one.bits && process.losses == one.losses
                #expect(isSame, "\(count) processes")
            }
        }
        let whole = try run(SingleProcess(), parts: 1)
        let difference = ((whole.first - one.first).squaredNorm() / whole.first.squaredNorm()).squareRoot()
        #expect(difference < 1e-4)
        for (a, b) in zip(whole.losses[0], one.losses[0]) { #expect(abs(a - b) <= 1e-5 * abs(a)) }
    }

    @Test("Several processes train the same autoencoder as one, bit for bit")
    func autoencoder() throws {
        func run(_ group: any ProcessGroup) throws -> (bits: [[UInt32]], losses: [[Double]]) {
            var configuration = AutoencoderTrainingConfiguration()
            (configuration.batchSize, configuration.accumulatedParts) = (5, 3)
            let trainer = try AutoencoderTrainer(pictures: SmallSet.pictures(), configuration: configuration)
            trainer.group = group
            let losses = try (0..<3).map { _ in
                let step = try trainer.step()
                return [step.loss, step.absoluteError, step.peakSignalToNoise, step.divergence, step.gradientNorm]
            }
            return (bits([trainer.autoencoder.parameters, trainer.average.parameters], trainer.optimizer), losses)
        }
        let one = try run(SingleProcess())
        for process in try ThreadGroup.run(3, { try run($0) }) {
            let isSame = process.bits == one.bits && process.losses == one.losses
            #expect(isSame)
        }
    }
}
