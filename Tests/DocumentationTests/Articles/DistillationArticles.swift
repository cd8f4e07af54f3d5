import Autograd
import DiffusionModels
import Distillation
import DistillationTesting
import Foundation
import SwiftBrushRuntime
import Testing

/// The Swift code of the articles in the documentation catalogues, so that it is compiled; `ArticleTests` compares it with the
/// articles.
enum DistillationArticles {
    static func run(savingTo folder: URL) throws {
        let teacher = try TextToImageModel(contentsOf: URL(filePath: "Examples/Models/emoji-teacher"))
        let prompts = try PromptFile.read(URL(filePath: "Examples/Models/emoji-prompts/train.txt"))
        var settings = DistillationConfiguration()
        settings.batchSize = 2  // for a first look; the default is 16
        let distiller = try Distiller(
            teacher: teacher, loss: VariationalScoreDistillation(), prompts: prompts, configuration: settings)
        for _ in 0..<3 {
            let step = try distiller.step()
            print(step.step, step.studentLoss, step.fakeScoreLoss, step.diagnostics)
        }
        let student = try distiller.studentModel(of: teacher)
        try student.save(to: folder)
    }

    static func anotherLoss(_ teacher: TextToImageModel, _ prompts: [String]) throws -> Distiller {
        let loss = ScoreIdentityDistillation.longShortGuidance(1.5)
        var settings = DistillationConfiguration(for: loss)
        settings.batchSize = 8
        settings.studentTimestep = 625
        settings.studentCumulativeAlpha = teacher.schedule.cumulativeAlphas[625]
        let distiller = try Distiller(teacher: teacher, loss: loss, prompts: prompts, configuration: settings)
        return distiller
    }

    static func severalSteps(_ teacher: TextToImageModel, _ prompts: [String]) throws -> [Picture] {
        var settings = DistillationConfiguration()
        settings.studentStepCount = 4
        settings.matchesSegments = true
        settings.batchSize = 2
        let distiller = try Distiller(teacher: teacher, prompts: prompts, configuration: settings)
        try distiller.step()
        let pictures = try distiller.studentModel(of: teacher).pictures(for: ["a red heart"], seed: 0, steps: 2)
        return pictures
    }

    static func studentAdapters(_ teacher: TextToImageModel, _ prompts: [String], _ folder: URL) throws -> Picture {
        var settings = DistillationConfiguration()
        settings.studentAdapters = StudentAdapters()
        settings.studentLearningRate = 1e-4
        settings.batchSize = 2
        let distiller = try Distiller(teacher: teacher, prompts: prompts, configuration: settings)
        try distiller.step()
        try distiller.studentAdapters?.save(to: folder, as: .diffusers, for: teacher)

        var student = teacher
        try LowRankWeights(contentsOf: folder).merge(into: &student)
        let picture = try student.picture(for: "a red heart", seed: 0)
        return picture
    }

    static func guidance(
        _ teacher: TextToImageModel, _ prompts: [String]
    ) throws -> (TextToImageModel, VariationalScoreDistillation) {
        var settings = GuidanceDistillationSettings()
        settings.guidanceScale = 4.5
        settings.batchSize = 4
        let training = try GuidanceDistiller(teacher: teacher, prompts: prompts, settings: settings)
        for _ in 0..<2 { print(try training.step().loss) }
        let guided = try training.guidedModel(of: teacher)
        let loss = VariationalScoreDistillation(guidanceScale: 1)
        return (guided, loss)
    }

    static func resources(_ teacher: TextToImageModel, _ prompts: [String]) throws -> Distiller {
        let pairs = try TeacherPairs(
            generatedBy: teacher, prompts: prompts, count: 4, steps: 10, guidanceScale: 4.5, seed: 0)
        var resources = DistillationResources()
        resources.pairs = pairs
        let distiller = try Distiller(teacher: teacher, loss: DMD(), prompts: prompts, resources: resources)
        return distiller
    }

    struct EvenScoreDistillation: DistillationLoss {
        static let name = "even-score-distillation"
        var guidanceScale = 4.5
        var offset = 0.01
        var timesteps = 20..<981

        var needs: LossNeeds { [.teacher(guidedBy: guidanceScale), .fakeScore(guidedBy: guidanceScale)] }

        func gradient(_ input: LossInput) -> LossGradient {
            let difference =
                input.teacher.epsilon(guidedBy: guidanceScale) - input.fakeScore.epsilon(guidedBy: guidanceScale)
            let square = difference.squared().mean(alongAxes: [1, 2, 3], keepingDimensions: true)
            let size = (square + Float(offset * offset)).squareRoot()
            return LossGradient(difference / size, diagnostics: ["size": size.value.mean()])
        }
    }

    struct PullTowardsTeacher: DistillationLoss {
        static let name = "pull-towards-teacher"
        var timesteps = 20..<981
        var needs: LossNeeds { [.teacher, .teacherJacobian] }

        func gradient(_ input: LossInput) -> LossGradient {
            let distance = input.original - input.teacher.original()
            return LossGradient(input.gradient(of: distance.squared() * 0.5))
        }
    }

    static func rebuild(_ folder: URL) throws -> any DistillationLoss {
        let run = try RunDirectory(folder, resuming: true)
        let loss = try run.loss(among: SavedLoss.shippedTypes + [EvenScoreDistillation.self])
        return loss
    }

    static func contract() {
        var expectation = LossExpectation.matchesData
        expectation.guidedOptimum = .teacher
        let report = LossContract(EvenScoreDistillation(), expecting: expectation).run()
        #expect(report.passed, "\(report)")
    }

    static func report() -> ContractReport {
        let report = LossContract(VariationalScoreDistillation(), expecting: .variational(.init())).run()
        print(report)
        return report
    }

    static func officialSettings() -> (DistillationConfiguration, VariationalScoreDistillation) {
        var settings = DistillationConfiguration()
        settings.batchSize = 16
        settings.studentLearningRate = 1e-6
        settings.fakeScoreLearningRate = 1e-3
        settings.adapterRank = 64
        settings.adapterAlpha = 108
        var loss = VariationalScoreDistillation()
        loss.teacherGuidanceScale = 4.5
        loss.fakeScoreGuidanceScale = 4.5
        return (settings, loss)
    }
}
