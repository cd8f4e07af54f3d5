import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

/// A network that notes the precisions of its passes.
private struct NotingNetwork: DenoisingNetwork {
    let network: UNet2DConditionModel
    let noted: NotedPrecisions

    var parameters: ParameterSet { network.parameters }

    func over(_ scope: ParameterScope) -> NotingNetwork { NotingNetwork(network: network.over(scope), noted: noted) }

    func predict(_ noisy: Variable, at timesteps: [Double], given condition: TextCondition) -> Variable {
        noted.note()
        return network.predict(noisy, at: timesteps, given: condition)
    }
}

@Suite("Precisions of a distillation")
struct PrecisionTests {
    @Test("Student, teacher and fake score are each evaluated at their own precision")
    func perNetwork() throws {
        let run = try ReferenceRun()
        let noted = (0..<3).map { _ in NotedPrecisions() }
        func network(_ index: Int) -> NotingNetwork { NotingNetwork(network: run.teacher, noted: noted[index]) }
        var configuration = ReferenceRun.configuration
        configuration.studentPrecision = .highest
        (configuration.teacherPrecision, configuration.fakeScorePrecision) = (.medium, .high)
        let distiller = try Distiller(
            student: OneStepStudent(network: network(0).copy(trainable: true), step: configuration.studentStep),
            teacher: network(1), fakeScore: FakeScore(copying: network(2)), schedule: run.schedule,
            conditions: try PromptConditions(
                TextCondition(tokens: try run.tensor("embeddings")),
                null: TextCondition(tokens: try run.tensor("null"))),
            latentShape: [8, 8, 4], loss: VariationalScoreDistillation(), configuration: configuration)
        try distiller.step()
        #expect(noted.map { Set($0.all) } == [[.highest], [.medium], [.high]])
        #expect(MatmulPrecision.current == .high)
    }

    @Test("A step whose teacher has a precision of its own agrees with one whose networks are evaluated together")
    func apart() throws {
        let run = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        let plain = try run.distiller(configuration)
        configuration.teacherPrecision = .highest
        let mixed = try run.distiller(configuration)
        for index in 0..<2 {
            try plain.step(with: run.inputs(index))
            try mixed.step(with: run.inputs(index))
        }
        let difference =
            zip(plain.student.parameters.all, mixed.student.parameters.all)
            .map { ($0.value - $1.value).scalars.map(abs).max() ?? 0 }.max() ?? 0
        // Separate passes of teacher and fake score add in another order than the joint one.
        #expect(difference < (MatmulPrecision.high.isFloat32 ? 1e-6 : 1e-4))
    }
}
