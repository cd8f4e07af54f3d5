import Autograd
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import Distillation

@Suite("Three iterations compared with PyTorch and PEFT", .highestPrecision)
struct ParityTests {
    @Test("Losses, samples, student and adapters match after each iteration, the average after the last")
    func threeIterations() throws {
        let run = try ReferenceRun()
        let distiller = try run.distiller()
        try distiller.fakeScore.parameters.load(run.tensors("adapter.start."))
        for step in 0..<3 {
            let inputs = try run.inputs(step)
            let output = try distiller.student.generate(
                from: Variable(inputs.latents), given: distiller.conditions.conditions(inputs.prompts)
            ).value
            #expect(relativeError(output.channelsFirst(), try run.tensor("\(step).x0")) <= 1e-4)

            let report = try distiller.step(with: inputs)
            let losses = try run.tensor("\(step).losses").scalars
            let norms = try run.tensor("\(step).norms").scalars
            expectNear(report.studentLoss, losses[0])
            expectNear(report.fakeScoreLoss, losses[1])
            expectNear(report.studentGradientNorm, norms[0])
            expectNear(report.fakeScoreGradientNorm, norms[1])
            expect(distiller.student.parameters, run.tensors("\(step).student."), step)
            expect(distiller.fakeScore.parameters, run.tensors("\(step).adapter."), step)
        }
        expect(distiller.average.parameters, run.tensors("average."), 3)
    }

    private func expectNear(_ found: Double, _ expected: Float) {
        #expect(abs(found - Double(expected)) <= 1e-4 * Double(abs(expected)), "\(found), expected \(expected)")
    }

    private func expect(_ parameters: ParameterSet, _ expected: [String: Tensor], _ step: Int) {
        #expect(parameters.all.count == expected.count)
        for (name, tensor) in parameters.checkpointTensors() {
            guard let reference = expected[name] else {
                Issue.record("\(name) is not in the golden file")
                continue
            }
            let error = relativeError(tensor, reference)
            #expect(error <= 1e-4, "\(name) after iteration \(step)")
        }
    }

    @Test("With new adapters the first gradient is exactly zero, and the student does not change")
    func firstStepIsZero() throws {
        let run = try ReferenceRun()
        let distiller = try run.distiller()
        let before = distiller.student.parameters.all.map(\.value.scalars)
        let report = try distiller.step()
        #expect(report.studentLoss == 0)
        #expect(report.studentGradientNorm == 0)
        #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
        // The fake score has been updated, so the next step's gradient is not zero.
        #expect(try distiller.step().studentLoss > 0)
    }

    @Test("The student is not updated during warm-up; its optimiser starts after it")
    func warmUp() throws {
        var configuration = ReferenceRun.configuration
        configuration.fakeScoreWarmUpSteps = 2
        let distiller = try ReferenceRun().distiller(configuration)
        let before = distiller.student.parameters.all.map(\.value.scalars)
        let fakeScore = distiller.fakeScore.parameters.all.map(\.value.scalars)
        for _ in 0..<2 { #expect(try distiller.step().studentGradientNorm == 0) }
        #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
        #expect(distiller.studentOptimizer.state.stepCount == 0 && distiller.average.updateCount == 0)
        #expect(distiller.fakeScore.parameters.all.map(\.value.scalars) != fakeScore)
        #expect(try distiller.step().studentGradientNorm > 0)
        #expect(distiller.student.parameters.all.map(\.value.scalars) != before)
        #expect(distiller.studentOptimizer.state.stepCount == 1 && distiller.average.updateCount == 1)
    }

    @Test("The teacher does not change and gets no gradients")
    func teacherIsFrozen() throws {
        let run = try ReferenceRun()
        let before = run.teacher.parameters.all.map(\.value.scalars)
        let distiller = try run.distiller()
        for _ in 0..<2 { try distiller.step() }
        #expect(run.teacher.parameters.all.map(\.value.scalars) == before)
        #expect(run.teacher.parameters.all.allSatisfy { $0.gradient == nil })
    }
}
