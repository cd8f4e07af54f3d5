import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

/// ε = x w + c A, where c is the mean of the text's tokens: guidance of it is a network of the same kind.
private struct LinearNetwork: DenoisingNetwork {
    let parameters: ParameterSet
    var latentSize: LatentSize? { LatentSize(height: 2, width: 3) }
    private let own: Linear
    private let text: Linear

    init(in scope: ParameterScope) {
        parameters = scope.parameters
        own = Linear(inputs: 4, outputs: 4, hasBias: false, in: scope["own"])
        text = Linear(inputs: 8, outputs: 4, in: scope["text"])
    }

    func over(_ scope: ParameterScope) -> LinearNetwork { LinearNetwork(in: scope) }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        let offset = text(condition.broadcast(to: noisy.shape[0]).tokens.mean(alongAxes: [1]))
        return own(noisy) + offset.reshaped(to: [noisy.shape[0], 1, 1, 4])
    }
}

@Suite("Distillation of guidance")
final class GuidanceDistillerTests {
    private struct Words: TextEncoder {
        func condition(for prompts: [String], windows: Int) throws -> TextCondition {
            let rows = prompts.map { prompt -> Tensor in
                var stream = RandomStream(seed: UInt64(prompt.utf8.count))
                return stream.normal([1, 2, 8])
            }
            return TextCondition(tokens: Variable(.concatenate(rows, axis: 0)))
        }
    }

    private struct FirstChannels: LatentDecoder {
        func pictures(of latents: Variable) -> Variable { latents.sliced(axis: 3, 0..<3) }
    }

    private let folder = FileManager.default.temporaryDirectory.appending(path: "guidance-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func teacher() -> TextToImageModel {
        let network = LinearNetwork(in: ParameterSet().scope)
        var stream = RandomStream(seed: 1)
        network.parameters.initialize(using: &stream)
        return TextToImageModel(
            network: network, textEncoder: Words(), decoder: FirstChannels(), schedule: .scaledLinear())
    }

    private static let prompts = ["a", "bb", "ccc"]

    private static func distiller(
        _ change: (inout GuidanceDistillationSettings) -> Void = { _ in }
    ) throws -> GuidanceDistiller {
        var settings = GuidanceDistillationSettings()
        (settings.batchSize, settings.steps, settings.guidanceScale, settings.learningRate) = (6, 5, 3, 1e-3)
        change(&settings)
        return try GuidanceDistiller(teacher: teacher(), prompts: prompts, settings: settings)
    }

    @Test("The points at which the network learns are those of the teacher's samplings with guidance")
    func points() throws {
        let distiller = try Self.distiller { $0.batchSize = 1 }
        let teacher = Self.teacher()
        let prompt = Self.prompts[distiller.samplings.state.prompts[0]]
        let settings = SamplingSettings(steps: 5, guidanceScale: 3, sampler: try teacher.sampler(named: "ddim"))
        var sampling = try teacher.samples(
            for: [prompt], settings, seed: 0, start: .latents(distiller.samplings.latents))
        for _ in 0..<4 {
            try distiller.step()
            let expected = try #require(try sampling.next()).latents
            #expect(relativeError(distiller.samplings.latents, expected) <= 1e-5)
        }
        try distiller.step()
        #expect(distiller.samplings.state.steps == [0] && distiller.samplings.state.ends == [5])
    }

    @Test("Samplings advance at different steps, so that a batch has all timesteps")
    func timesteps() throws {
        let distiller = try Self.distiller { ($0.batchSize, $0.steps) = (5, 5) }
        for _ in 0..<5 { try distiller.step() }
        #expect(distiller.samplings.state.steps.sorted() == [0, 1, 2, 3, 4])
        #expect(Set(distiller.samplings.timesteps).count == 5)
    }

    @Test("A network that can express guidance learns it: its samplings without guidance are those of the teacher with")
    func closedForm() throws {
        let distiller = try Self.distiller {
            ($0.learningRate, $0.averageDecay, $0.gradientNormLimit) = (0.02, 0, 1e9)
        }
        let first = try distiller.step().loss
        for _ in 0..<1500 {
            try distiller.step()
        }
        let last = try distiller.step().loss
        #expect(first > 0.1 && last < 1e-6, "\(first), \(last)")
        let teacher = Self.teacher()
        func latents(_ model: TextToImageModel, _ scale: Double) throws -> Tensor {
            let settings = SamplingSettings(steps: 5, guidanceScale: scale, sampler: try model.sampler(named: "ddim"))
            var sampling = try model.samples(for: Self.prompts, settings, seed: 7)
            return try #require(try sampling.last()).latents
        }
        let (found, expected) = try (latents(try distiller.guidedModel(of: teacher), 1), latents(teacher, 3))
        #expect(relativeError(found, expected) <= 1e-2)
        #expect(relativeError(try latents(teacher, 1), expected) > 0.1)
    }

    @Test("Without guidance there is nothing to learn")
    func withoutGuidance() throws {
        let distiller = try Self.distiller { $0.guidanceScale = 1 }
        let before = distiller.network.parameters.all.map(\.value)
        for _ in 0..<3 { #expect(try distiller.step().loss == 0) }
        #expect(distiller.network.parameters.all.map(\.value) == before)
    }

    @Test("A run that is resumed with other numbers of processes equals an undisturbed one, bit for bit")
    func resuming() throws {
        func make() throws -> GuidanceDistiller { try Self.distiller { $0.accumulatedParts = 3 } }
        func bits(_ distiller: GuidanceDistiller) -> [[UInt32]] {
            let sets = [distiller.network.parameters, distiller.average.parameters]
            return (sets.flatMap { $0.all.map(\.value) } + [distiller.samplings.latents])
                .map { $0.scalars.map(\.bitPattern) }
        }
        let straight = try make()
        for _ in 0..<6 { try straight.step() }
        let folder = folder
        for (iterations, count, sharding) in [(2, 1, false), (4, 3, true), (6, 2, false)] {
            let found = try ThreadGroup.run(count) { group in
                let distiller = try make()
                (distiller.group, distiller.shardsOptimizer) = (group, sharding)
                let run = try RunDirectory(folder, resuming: iterations > 2, in: group)
                #expect(try run.accumulatedParts(nil, in: group) == (iterations > 2 ? 3 : count))
                try run.begin(distiller)
                try run.train(distiller, iterations: iterations, checkpointEvery: 10, stopsOnSignals: false)
                return bits(distiller)
            }
            let isSame = found.allSatisfy { $0 == found[0] } && (iterations < 6 || found[0] == bits(straight))
            #expect(isSame, "\(count) processes")
        }
        let run = try RunDirectory(folder, resuming: true)
        #expect(try run.metrics(GuidanceDistillationStep.self).map(\.step) == [1, 2, 3, 4, 5, 6])
    }

    @Test("Settings out of range, students and no prompts are refused")
    func refusals() throws {
        for change in [
            { $0.guidanceScale = .nan }, { $0.steps = 0 }, { $0.batchSize = 0 }, { $0.learningRate = 2 },
            { $0.averageDecay = -1 }, { $0.learningRateSchedule = .cosine(total: 0) }, { $0.gradientNormLimit = 0 },
            { $0.accumulatedParts = 7 },
        ] as [(inout GuidanceDistillationSettings) -> Void] {
            #expect(throws: DistillationError.self) { try Self.distiller(change) }
        }
        #expect(throws: DistillationError.self) {
            try GuidanceDistiller(teacher: Self.teacher().untrainedStudent(), prompts: ["a"])
        }
        #expect(throws: DistillationError.self) { try GuidanceDistiller(teacher: Self.teacher(), prompts: []) }
        let other = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        #expect(throws: DistillationError.self) { try Self.distiller().guidedModel(of: other) }
    }
}
