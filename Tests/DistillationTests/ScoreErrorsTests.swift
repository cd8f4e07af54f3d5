import DiffusionModels
import Distillation
import SwiftBrushTestFixtures
import Tensor
import Testing

@Suite("Scores by timestep")
struct ScoreErrorsTests {
    private let teacher: TextToImageModel

    init() throws {
        teacher = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
    }

    private func errors(_ fake: any DenoisingNetwork, timesteps: [Int] = [200, 900]) throws -> ScoreErrors {
        try ScoreErrors(
            of: teacher, fake, student: teacher.untrainedStudent(), prompts: ["a red heart", "owl"], samples: 3,
            repetitions: 2, timesteps: timesteps, seed: 4)
    }

    @Test("A fake score whose epsilon is 0.1 larger everywhere has the gradient −0.1 σ², the same for all noise")
    func shifted() throws {
        let fake = teacher.network.copy(trainable: true)
        let bias = try #require(fake.parameters["conv_out.bias"])
        bias.value = bias.value + 0.1
        for row in try errors(fake).rows {
            let variance = 1 - teacher.schedule.cumulativeAlphas[row.timestep]
            let ratio = variance / (1 - variance)
            #expect(abs(row.difference / (0.01 * ratio) - 1) < 1e-3)
            #expect(abs(row.gradient / (0.01 * variance * variance) - 1) < 1e-3)
            #expect(abs(row.signal / row.gradient - 1) < 1e-3)
        }
    }

    @Test("The teacher as the fake score has no difference from itself, and its error grows with the noise")
    func unchanged() throws {
        let errors = try errors(teacher.network)
        #expect(errors.samples == 3 && errors.repetitions == 2)
        for row in errors.rows {
            #expect(row.difference == 0 && row.gradient == 0 && row.signal == 0)
            #expect(row.teacher == row.fakeScore && row.teacher > 0)
        }
        #expect(errors.rows[0].teacher < errors.rows[1].teacher)
    }

    @Test("Wrong settings are rejected")
    func wrongSettings() throws {
        #expect(throws: DistillationError.self) { try errors(teacher.network, timesteps: [1000]) }
        #expect(throws: ModelError.self) {
            try ScoreErrors(of: teacher, teacher.network, student: teacher, prompts: ["owl"])
        }
    }
}
