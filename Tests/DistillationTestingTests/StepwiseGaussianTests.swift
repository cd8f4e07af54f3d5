import Distillation
import Testing

@testable import DistillationTesting

@Suite("Students of several steps in closed form")
struct StepwiseGaussianTests {
    @Test("The outputs of every step become the data's distribution", arguments: [1, 2, 4])
    func closedForm(steps: Int) throws {
        var losses: [any DistillationLoss] = [
            VariationalScoreDistillation(), DistributionMatchingDistillation(), DiffInstruct(),
        ]
        if steps == 2 { losses.append(ScoreIdentityDistillation()) }
        for loss in losses {
            var problem = StepwiseGaussian(loss)
            problem.stepCount = steps
            for (index, found) in try problem.run().enumerated() {
                let place = "\(type(of: loss).name), step \(index + 1) of \(steps): \(found)"
                #expect(abs(found.mean - 1.5) <= 0.02, "\(place)")
                #expect(abs(found.deviation - 0.7) <= 0.02, "\(place)")
            }
        }
    }
}
