import Autograd
import Tensor
import TestFixtures
import Testing

@testable import Distillation

@Suite("Three iterations against PyTorch and peft")
struct ParityTests {
    @Test("Losses, drawings, student, adapter and average after each iteration")
    func threeIterations() throws {
        let run = try ReferenceRun()
        let distiller = try run.distiller()
        try distiller.fakeScore.parameters.load(run.tensors("adapter.start."))
        for step in 0..<3 {
            let inputs = try run.inputs(step)
            let output = distiller.student.generate(
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

    @Test("A new adapter changes nothing: the first gradient is exactly zero and the student stays as it was")
    func firstStepIsZero() throws {
        let run = try ReferenceRun()
        let distiller = try run.distiller()
        let before = distiller.student.parameters.all.map(\.value.scalars)
        let report = try distiller.step()
        #expect(report.studentLoss == 0)
        #expect(report.studentGradientNorm == 0)
        #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
        // The fake score did learn, so the next step's gradient is not zero.
        #expect(try distiller.step().studentLoss > 0)
    }

    @Test(
        "In the fake score's head start the student stands still, and its first step after it is the first of its optimiser"
    )
    func headStart() throws {
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

    @Test("The teacher is never touched")
    func teacherIsFrozen() throws {
        let run = try ReferenceRun()
        let before = run.teacher.parameters.all.map(\.value.scalars)
        let distiller = try run.distiller()
        for _ in 0..<2 { try distiller.step() }
        #expect(run.teacher.parameters.all.map(\.value.scalars) == before)
        #expect(run.teacher.parameters.all.allSatisfy { $0.gradient == nil })
    }
}
