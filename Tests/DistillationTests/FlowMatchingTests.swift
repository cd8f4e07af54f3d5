import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

/// Distillation of a teacher of flow matching: the reference run's small network, whose output is taken for u.
@Suite("Distillation of flow matching")
struct FlowMatchingTests {
    private let schedule = NoiseSchedule.flowMatching()

    private func distiller(
        _ loss: any DistillationLoss = VariationalScoreDistillation(), steps: Int = 1,
        _ change: (inout DistillationConfiguration) throws -> Void = { _ in }
    ) throws -> Distiller {
        let run = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        configuration.studentStepCount = steps
        try configuration.setStudentTimestep(999, on: schedule)
        try change(&configuration)
        return try Distiller(
            student: OneStepStudent(
                network: run.teacher.copy(trainable: true), step: configuration.studentSteps(on: schedule),
                predictionType: .flow),
            teacher: run.teacher, fakeScore: configuration.fakeScore(of: run.teacher), schedule: schedule,
            conditions: PromptConditions(
                TextCondition(tokens: run.tensor("embeddings")), null: TextCondition(tokens: run.tensor("null"))),
            latentShape: [8, 8, 4], loss: loss, configuration: configuration)
    }

    @Test("A student's x0 is x − σ u, and its later steps are on the straight line")
    func student() throws {
        let student = try distiller(steps: 4).student
        #expect(student.step.steps.map(\.timestep) == [999, 749, 499, 249])
        var stream = RandomStream(seed: 3)
        let (noise, other) = (stream.normal([1, 8, 8, 4]), stream.normal([1, 8, 8, 4]))
        let condition = TextCondition(tokens: try ReferenceRun().tensor("embeddings").sliced(axis: 0, 0..<1))
        func output(_ noisy: Tensor, _ timestep: Double) -> Tensor {
            student.network.predict(.init(noisy), at: [timestep], given: condition).value
        }
        let first = noise - output(noise, 999) * 0.999
        let noisy = first * 0.251 + other * 0.749
        let second = noisy - output(noisy, 749) * 0.749
        let found = try student.generate(from: noise, steps: Array(student.step.steps[..<2]), given: condition) {
            other
        }
        #expect((found - second).absolute().maximum() <= 1e-5 * second.absolute().maximum())
    }

    @Test("Steps change the student, and are the same bit for bit in another run")
    func step() throws {
        let (distiller, again) = (try distiller(), try distiller())
        let before = distiller.student.parameters.checkpointTensors().map(\.tensor)
        for index in 0..<3 {
            let step = try distiller.step()
            // The fake score begins as the teacher.
            #expect(index == 0 ? step.studentLoss == 0 : step.studentLoss > 0 && step.studentLoss.isFinite)
            #expect(step.fakeScoreLoss > 0 && step.fakeScoreLoss.isFinite)
            #expect(try again.step().studentLoss == step.studentLoss)
        }
        let after = distiller.student.parameters.checkpointTensors().map(\.tensor)
        #expect(!zip(before, after).allSatisfy { $0 == $1 })
    }

    @Test("A student's level that is not the teacher's flow matching is an error")
    func wrongLevel() throws {
        func name(_ body: () throws -> Void) -> String? {
            do {
                try body()
                return nil
            } catch DistillationError.invalidSetting(let name, _, _) {
                return name
            } catch {
                return "\(error)"
            }
        }
        let loss = VariationalScoreDistillation()
        #expect(name { _ = try distiller { $0.studentSigma = nil } } == "studentSigma")
        var settings = DistillationConfiguration()
        settings.studentSigma = 0.999
        #expect(name { try settings.validate(loss: loss, schedule: .scaledLinear()) } == "studentSigma")
        settings.studentSigma = nil
        settings.studentPrediction = .flow
        #expect(name { try settings.validate(loss: loss, schedule: .scaledLinear()) } == "studentPrediction")
        try settings.setStudentTimestep(999, on: schedule)
        #expect(name { try settings.check(.swiftBrush, loss, on: schedule) } == "student.step.sigma")
    }

    @Test("A teacher of flow matching needs no settings")
    func defaults() throws {
        var teacher = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        teacher.schedule = schedule
        let distiller = try Distiller(teacher: teacher, prompts: ["a red heart"])
        #expect(distiller.student.step.sigma == 0.999 && distiller.configuration.studentSigma == 0.999)
        // A student of another kind of schedule is refused where it is loaded.
        let folder = FileManager.default.temporaryDirectory.appending(path: "flow-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var student = teacher
        student.oneStep = .swiftBrush
        try student.save(to: folder)
        #expect(throws: ModelError.self) { try TextToImageModel(contentsOf: folder) }
        student.oneStep = distiller.student.step
        try student.save(to: folder)
        #expect(try TextToImageModel(contentsOf: folder).oneStep == distiller.student.step)
    }

    @Test("A step's file has σ, and reads back as it was")
    func file() throws {
        let step = try distiller(steps: 2).student.step
        let data = try JSONEncoder().encode(step)
        #expect(try JSONDecoder().decode(OneStepConfiguration.self, from: data) == step)
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.contains("\"sigma\":0.999") && text.contains("\"sigma\":0.499"))
    }
}
