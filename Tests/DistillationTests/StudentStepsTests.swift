import Autograd
import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Students of several steps")
struct StudentStepsTests {
    private let schedule = NoiseSchedule.scaledLinear()

    private func distiller(
        _ steps: Int, segments: Bool = false, loss: any DistillationLoss = VariationalScoreDistillation(),
        _ change: (inout DistillationConfiguration) -> Void = { _ in }
    ) throws -> Distiller {
        var configuration = ReferenceRun.configuration
        (configuration.studentStepCount, configuration.matchesSegments) = (steps, segments)
        change(&configuration)
        return try ReferenceRun().distiller(configuration, loss: loss)
    }

    @Test("A rollout's output is that of sampling in as many steps, and gradients flow through its last step only")
    func rollout() throws {
        let distiller = try distiller(4)
        let student = distiller.student
        var stream = RandomStream(seed: 3)
        let (noise, first, second) = (
            stream.normal([2, 8, 8, 4]), stream.normal([2, 8, 8, 4]), stream.normal([2, 8, 8, 4])
        )
        let condition = distiller.conditions.conditions([0, 1])
        let output = try student.generate(
            from: noise, StudentRollout(step: 2, noise: [first, second]), given: condition)
        var later = [first, second]
        let sampled = try student.generate(
            from: noise, steps: Array(student.step.steps[...2]), given: condition
        ) { later.removeFirst() }
        #expect(output.value == sampled)

        // By hand: x0 at 999, noised to 749, x0 there, noised to 499.
        func signal(_ x0: Tensor, _ noise: Tensor, _ timestep: Int) -> Tensor {
            x0 * Float(schedule.alpha(timestep)) + noise * Float(schedule.sigma(timestep))
        }
        func x0(_ noisy: Tensor, _ timestep: Int, _ cumulativeAlpha: Double) throws -> Variable {
            let epsilon = student.network.predict(
                Variable(noisy), at: [Double(timestep), Double(timestep)], given: condition)
            let (alpha, sigma) = (Float(cumulativeAlpha.squareRoot()), Float((1 - cumulativeAlpha).squareRoot()))
            return (Variable(noisy) - epsilon * sigma) * (1 / alpha)
        }
        let one = try x0(noise, 999, 0.0047).value
        let two = try x0(signal(one, first, 749), 749, schedule.cumulativeAlphas[749]).value
        let three = try x0(signal(two, second, 499), 499, schedule.cumulativeAlphas[499])
        #expect((three.value - output.value).absolute().maximum() <= 1e-4)

        func gradients(of variable: Variable) -> [Tensor] {
            student.parameters.zeroGradients()
            variable.backward(from: .ones(variable.shape))
            return student.parameters.all.compactMap(\.gradient)
        }
        let (found, expected) = (gradients(of: output), gradients(of: three))
        #expect(found.count == expected.count && !found.isEmpty)
        for (a, b) in zip(found, expected) {
            #expect((a - b).absolute().maximum() <= 1e-3 * (1 + b.absolute().maximum()))
        }
    }

    @Test("Every step is drawn, with timesteps in its segment if these are matched")
    func segments() throws {
        let distiller = try distiller(4, segments: true)
        var streams = distiller.streams
        let plan = StepPlan(
            promptCount: 5, latentShape: [1, 1, 1], batch: 8, timesteps: 20..<980, training: FakeScoreTraining(),
            fakeScoreUpdates: 1, dataCount: 0, realCount: 0, studentSteps: distiller.student.step,
            matchesSegments: true)
        let ranges = [749..<980, 499..<750, 249..<500, 20..<250]
        let fake = [749..<1000, 499..<750, 249..<500, 0..<250]
        var counts = [0, 0, 0, 0]
        for _ in 0..<400 {
            let inputs = streams.next(plan)
            let rollout = try #require(inputs.rollout)
            counts[rollout.step] += 1
            #expect(rollout.noise.count == rollout.step)
            #expect(inputs.timesteps.allSatisfy(ranges[rollout.step].contains))
            #expect(inputs.fakeScore[0].timesteps.allSatisfy(fake[rollout.step].contains))
        }
        #expect(counts.allSatisfy { (60...140).contains($0) }, "\(counts)")
    }

    @Test("A run resumes bit for bit, also with new samples for the fake score")
    func resumes() throws {
        let whole = try distiller(3) { $0.setFakeScoreUpdates(2) }
        for _ in 0..<4 { try whole.step() }
        let first = try distiller(3) { $0.setFakeScoreUpdates(2) }
        for _ in 0..<2 { try first.step() }
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        try first.saveCheckpoint(to: file)
        let resumed = try distiller(3) { $0.setFakeScoreUpdates(2) }
        try resumed.restoreCheckpoint(from: file)
        for _ in 0..<2 { try resumed.step() }
        #expect(resumed.bits == whole.bits)
    }

    @Test("A number of steps that does not fit is refused")
    func refusals() throws {
        #expect(throws: DistillationError.self) { try distiller(0) }
        #expect(throws: DistillationError.self) {
            try distiller(4, segments: true) { $0.fakeScoreTraining.timesteps = 500..<1000 }
        }
        var configuration = ReferenceRun.configuration
        configuration.studentStepCount = 2
        let one = try distiller(1)
        #expect(throws: DistillationError.self) {
            try Distiller(
                student: one.student, teacher: one.teacher, fakeScore: one.fakeScore, schedule: schedule,
                conditions: one.conditions, latentShape: [8, 8, 4], loss: VariationalScoreDistillation(),
                configuration: configuration)
        }
    }
}
