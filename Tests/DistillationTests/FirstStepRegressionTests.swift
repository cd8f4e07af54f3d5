import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Regression of the first step")
struct FirstStepRegressionTests {
    /// A loss without a gradient that counts its steps in its memory.
    private struct CountingLoss: DistillationLoss {
        static let name = "counting"
        var timesteps = 20..<981
        var needs: LossNeeds { .teacher }

        func gradient(_ input: LossInput) -> LossGradient {
            let count = (input.batch.memory["count"]?.item ?? 0) + 1
            return LossGradient(
                .zeros(input.batch.original.shape), diagnostics: ["count": Double(count)],
                memory: ["count": Tensor(count)])
        }
    }

    @Test(
        "The first step learns the pairs' images from their noise, and only the others have the other loss and its memory"
    )
    func steps() throws {
        var configuration = ReferenceRun.configuration
        configuration.studentStepCount = 2
        var stream = RandomStream(seed: 5)
        let pairs = try TeacherPairs(
            noise: stream.normal([6, 8, 8, 4]), pictures: stream.normal([6, 8, 8, 4]), prompts: [0, 1, 2, 3, 4, 0])
        let loss = FirstStepRegression(CountingLoss())
        let distiller = try ReferenceRun().distiller(configuration, loss: loss) { _ in
            try DistillationResources(pairs)
        }
        var (first, later) = (0, 0)
        for _ in 0..<12 {
            let step = try distiller.step()
            if let count = step.diagnostics["count"] {
                later += 1
                #expect(Int(count) == later && step.studentLoss == 0)
            } else {
                first += 1
                // L = ½ mean g², with g = 2 (x̂₀ − y).
                let error = try #require(step.diagnostics["regression"])
                #expect(abs(step.studentLoss / (2 * error) - 1) <= 1e-5)
            }
            #expect(distiller.memory.mapValues(\.item) == (later == 0 ? [:] : ["count": Float(later)]))
        }
        #expect(first > 0 && later > 0)
    }

    @Test("Every loss that matches distributions can have it, is recorded with it, and the others cannot")
    func published() throws {
        var settings = LossSettings()
        settings.regressesFirstStep = true
        for published in PublishedLoss.allCases {
            if [.regression, .dmdRegression, .lcm].contains(published) {
                #expect(throws: DistillationError.self) { try published.loss(settings) }
                continue
            }
            let loss = try published.loss(settings)
            #expect(type(of: loss).name == "first-step-regression, \(type(of: published.loss).name)")
            #expect(loss.needs == published.loss.needs.union(.pairs) && loss.timesteps == published.loss.timesteps)
            let saved = try SavedLoss(loss)
            #expect(try SavedLoss(saved.loss()) == saved)
        }
    }
}
