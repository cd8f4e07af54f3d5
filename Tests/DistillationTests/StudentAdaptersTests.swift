import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Students of adapters")
final class StudentAdaptersTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "adapters-\(UUID().uuidString)")
    private let prompts = ["a red heart", "a blue square"]
    private let teacher: TextToImageModel

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
            .keepingEmbeddings(of: prompts + [""])
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func distiller(
        startingFrom start: TextToImageModel? = nil, _ change: (inout DistillationConfiguration) -> Void = { _ in }
    ) throws -> Distiller {
        var configuration = DistillationConfiguration()
        (configuration.batchSize, configuration.adapterRank, configuration.studentLearningRate) = (2, 2, 1e-3)
        configuration.averageDecay = 0.5
        configuration.studentAdapters = StudentAdapters(rank: 4)
        change(&configuration)
        return try Distiller(
            teacher: teacher, startingFrom: start, prompts: prompts, configuration: configuration)
    }

    private func largestDifference(_ a: TextToImageModel, _ b: TextToImageModel) throws -> Float {
        try (a.latents(for: prompts, seed: 3) - b.latents(for: prompts, seed: 3)).absolute().maximum()
    }

    @Test("Only the adapters are trained, from the teacher on, and their memory is known before")
    func training() throws {
        let distiller = try distiller()
        let estimate = distiller.memoryEstimate
        #expect(estimate.student == 20 * distiller.student.parameters.scalarCount)
        #expect(estimate == MemoryEstimate(distilling: teacher.network, distiller.configuration))
        #expect(distiller.student.parameters.scalarCount < teacher.network.parameters.scalarCount / 2)
        #expect(try largestDifference(distiller.studentModel(of: teacher), teacher.untrainedStudent()) == 0)
        let weights = teacher.network.parameters.all.map(\.value)
        let before = distiller.student.parameters.all.map(\.value)
        for _ in 0..<3 { try distiller.step() }
        #expect(teacher.network.parameters.all.map(\.value) == weights)
        let changed = zip(distiller.student.parameters.all, before).filter { $0.value != $1 }
        #expect(changed.count == before.count, "each matrix of every adapter is trained")
    }

    @Test(
        "A student of several steps is trained in each of them, and its adapters stay where they are on the way there")
    func severalSteps() throws {
        let distiller = try distiller { $0.studentStepCount = 2 }
        var later = [Tensor.zeros([2, 16, 16, 4])]
        let noise = Tensor.zeros([2, 16, 16, 4])
        for _ in 0..<3 { try distiller.step() }
        let condition = distiller.conditions.conditions([0, 1])
        let rolled = try distiller.student.generate(
            from: noise, StudentRollout(step: 1, noise: later), given: condition)
        let sampled = try distiller.student.generate(
            from: noise, steps: distiller.student.step.steps, given: condition
        ) { later.removeFirst() }
        #expect(rolled.value == sampled)
        distiller.student.parameters.zeroGradients()
        rolled.backward(from: .ones(rolled.shape))
        #expect(distiller.student.parameters.all.allSatisfy { $0.gradient != nil })
    }

    @Test("A run equals one that is resumed, bit for bit")
    func resuming() throws {
        let straight = try distiller()
        for _ in 0..<4 { try straight.step() }
        let first = try distiller()
        let run = try RunDirectory(folder.appending(path: "run"), resuming: false)
        try run.begin(first)
        for _ in 0..<2 { try run.record(first.step()) }
        try run.saveCheckpoint(of: first)
        let second = try distiller()
        let resumed = try RunDirectory(folder.appending(path: "run"), resuming: true)
        try resumed.begin(second)
        for _ in 0..<2 { try resumed.record(second.step()) }
        #expect(second.bits == straight.bits)
        #expect(throws: RunError.self, "another rank is another run") {
            try RunDirectory(folder.appending(path: "run"), resuming: true)
                .begin(distiller { $0.studentAdapters = StudentAdapters(rank: 8) })
        }
    }

    @Test(
        "The student is its start with the adapters merged, as is that start with the saved LoRA",
        arguments: [false, true])
    func merging(startsFromStudent: Bool) throws {
        let start = startsFromStudent ? try Self.otherStudent(of: teacher) : nil
        let distiller = try distiller(startingFrom: start)
        for _ in 0..<3 { try distiller.step() }
        let student = try distiller.studentModel(of: teacher)

        // The average's adapters on the network itself.
        let own = distiller.student.parameters
        for parameter in own.all { parameter.value = try #require(distiller.average.parameters[parameter.path]).value }
        var stream = RandomStream(seed: 3)
        let noise = stream.normal([2, 16, 16, 4])
        let condition = distiller.conditions.conditions([0, 1])
        let expected = try distiller.student.generate(from: Variable(noise), given: condition).value
        let found = try OneStepStudent(network: student.network, step: .swiftBrush)
            .generate(from: Variable(noise), given: condition).value
        #expect(relativeError(found, expected) <= 3e-5)

        let adapters = try #require(distiller.studentAdapters)
        for layout in LowRankLayout.allCases {
            let target = folder.appending(path: "\(layout)")
            try adapters.save(to: target, as: layout, for: teacher)
            let read = try LowRankWeights(contentsOf: target)
            #expect(read.oneStep == .swiftBrush)
            var merged = start ?? teacher
            try read.merge(into: &merged)
            #expect(merged.oneStep == .swiftBrush)
            #expect(try largestDifference(merged, student) <= 1e-5)
        }
    }

    /// The teacher with slightly larger weights, as a student.
    private static func otherStudent(of teacher: TextToImageModel) throws -> TextToImageModel {
        var model = teacher
        let parameters = teacher.network.parameters.copy(trainable: false)
        for parameter in parameters.all { parameter.value = parameter.value.widened() * 1.01 }
        model.network = teacher.network.over(parameters.scope)
        model.oneStep = .swiftBrush
        return model
    }

    @Test("A LoRA of another timestep is refused, and so are targets, ranks and predictions that do not fit")
    func refusals() throws {
        let adapters = try #require(distiller().studentAdapters)
        var other = try teacher.untrainedStudent()
        other.oneStep = try OneStepConfiguration(timestep: 625, cumulativeAlpha: 0.1378)
        #expect {
            try adapters.merge(into: &other)
        } throws: { error in
            "\(error)".contains("at timestep 999") && "\(error)".contains("at timestep 625")
        }
        #expect(throws: AdapterTargetError.self) { try distiller { $0.studentAdapters?.targets = ["to_x"] } }
        for (name, change) in [
            ("studentAdapters.rank", { $0.studentAdapters?.rank = 0 }),
            ("studentAdapters.alpha", { $0.studentAdapters?.alpha = .nan }),
            ("studentPrediction", { $0.studentPrediction = .sample }),
            ("fakeScoreAlignment", { $0.fakeScoreAlignment = 0.97 }),
        ] as [(String, (inout DistillationConfiguration) -> Void)] {
            #expect {
                try distiller(startingFrom: nil, change)
            } throws: { error in
                "\(error)".contains(name)
            }
        }
    }
}
