import DiffusionModels
import SwiftBrushTestFixtures
import Testing

@testable import Distillation

@Suite("Recipes")
struct RecipeTests {
    @Test("Every recipe's settings and loss are valid", arguments: DistillationRecipe.allCases)
    func valid(recipe: DistillationRecipe) throws {
        let schedule = NoiseSchedule.scaledLinear()
        let settings = try recipe.configuration(on: schedule, iterations: 100)
        let loss = try recipe.publishedLoss.loss(recipe.lossSettings(iterations: 100))
        try settings.validate(loss: loss, schedule: schedule)
        #expect(settings.fakeScoreTraining.guidanceScale == loss.usualFakeScoreTraining.guidanceScale)
        #expect(recipe.summary.count < 75)
    }

    @Test("SwiftBrush's recipe is the default settings with its loss")
    func swiftBrush() throws {
        let recipe = DistillationRecipe.swiftBrush
        #expect(try recipe.configuration(on: .scaledLinear(), iterations: 100) == DistillationConfiguration())
        #expect(recipe.publishedLoss.loss as? VariationalScoreDistillation == VariationalScoreDistillation())
    }

    @Test("SiD-LSG's timestep comes with its alpha-bar, and its settings are those of its code")
    func sidLSG() throws {
        let schedule = NoiseSchedule.scaledLinear()
        let settings = try DistillationRecipe.sidLSG.configuration(on: schedule, iterations: 100)
        #expect(settings.studentTimestep == 625)
        #expect(settings.studentCumulativeAlpha == schedule.cumulativeAlphas[625])
        #expect(settings.fakeScoreWeights == .copy && settings.firstMomentDecay == 0)
        #expect(settings.fakeScoreTraining == .scoreIdentity(guidanceScale: 1.5))
    }

    @Test("DMD2 takes ten updates of the fake score, each on new samples")
    func dmd2() throws {
        let training = try DistillationRecipe.dmd2.configuration(on: .scaledLinear(), iterations: 100).fakeScoreTraining
        #expect(training.updatesPerStudentUpdate == 10 && training.usesNewSamples)
    }

    @Test("The best recipe has no guidance, five updates, adapters on all layers, balanced weights and falling rates")
    func best() throws {
        let recipe = DistillationRecipe.best
        let settings = try recipe.configuration(on: .scaledLinear(), iterations: 100)
        #expect(settings.adapterAlpha / Double(settings.adapterRank) == 1.6875)
        #expect(settings.fakeScoreTraining.updatesPerStudentUpdate == 5 && settings.fakeScoreTraining.usesNewSamples)
        #expect(settings.fakeScoreTraining.weight == .balanced && settings.studentTimestep == 999)
        #expect(settings.learningRateSchedule == .cosine(total: 100))
        #expect(settings.adapterRank == 16 && settings.adapterTargets == StudentAdapters.allLayers)
        #expect(settings.studentLearningRate == 1e-4 && settings.averageDecay == 0.998)
        #expect(try recipe.configuration(on: .scaledLinear(), iterations: 0).learningRateSchedule == .cosine(total: 1))
        let loss = try recipe.loss(iterations: 1) as? VariationalScoreDistillation
        #expect(loss?.teacherGuidanceScale == 1 && loss?.fakeScoreGuidanceScale == 1 && loss?.weight == .balanced)
        let teacher = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        try settings.checkAdapterTargets(on: teacher.network)
    }

    @Test("The alignment of SwiftBrush v2 fades out over the run")
    func fading() throws {
        let recipe = DistillationRecipe.swiftBrushV2
        let loss = try recipe.loss(iterations: 40) as? SwiftBrushV2
        #expect(loss?.second.decaySteps == 40)
        #expect(throws: DistillationError.self) { try PublishedLoss.vsd.loss(recipe.lossSettings(iterations: 40)) }
    }
}
