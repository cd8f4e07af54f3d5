import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands

/// The loss, and the data that it needs.
struct LossOptions: ParsableArguments {
    @Option(
        help: "All settings of a publication but the batch and the number of steps; other options override them.")
    var recipe: DistillationRecipe?
    @Option(help: "The loss, with its publication's settings. Default: the recipe's, or vsd.")
    var loss: PublishedLoss?
    @Option(
        help:
            "Guidance scale of the teacher, and of the fake score if the loss guides it. Default: the recipe's, or as published."
    )
    var guidanceScale: Double?
    @Option(help: "Guidance scale of the fake score, if the loss guides it. Default: the teacher's, or as published.")
    var fakeScoreGuidanceScale: Double?
    @Option(help: "The timesteps at which the loss compares the networks, such as 20-980. Default: as published.")
    var lossTimesteps: TimestepRange?
    @Option(
        help: "Decoupled guidance: the timesteps of the guidance term, for which the samples are noised again.")
    var guidanceTimesteps: TimestepRange?
    @Option(help: "The weight of a timestep in the loss. Default: the recipe's, or as published.")
    var lossWeight: TimestepWeight?
    @Flag(
        help:
            "Train the first of several steps by regression on the teacher's images, and the others by the loss, in the manner of DP-DMD."
    )
    var regressFirstStep = false
    @Option(help: "Images of the teacher to generate, for losses that need pairs or data.") var teacherPictures = 64
    @Option(help: "Guidance scale of these images.") var pairsGuidanceScale = 4.5
    @Option(help: "Pairs of noise and teacher image that an earlier run saved, instead of generating them.")
    var pairs: URL?
    @Option(help: "Where to save the generated pairs.") var savePairs: URL?

    /// The loss with its settings. Throws `DistillationError` for one that it does not have.
    func chosen(iterations: Int) throws -> any DistillationLoss {
        var settings = loss == nil ? recipe?.lossSettings(iterations: iterations) ?? LossSettings() : LossSettings()
        settings.guidanceScale = guidanceScale ?? settings.guidanceScale
        settings.fakeScoreGuidanceScale = fakeScoreGuidanceScale
        (settings.timesteps, settings.guidanceTimesteps) = (lossTimesteps?.range, guidanceTimesteps?.range)
        settings.weight = lossWeight ?? settings.weight
        settings.regressesFirstStep = regressFirstStep ? true : nil
        return try published.loss(settings)
    }

    /// The loss of the options, of the recipe, or SwiftBrush's.
    var published: PublishedLoss { loss ?? recipe?.publishedLoss ?? .vsd }

    /// The student's timestep of the recipe, or SwiftBrush's.
    var studentTimestep: Int { recipe?.studentTimestep ?? DistillationConfiguration().studentTimestep }

    /// The settings of the recipe, or SwiftBrush's, with the fake score trained for the loss.
    func settings(iterations: Int) throws -> DistillationConfiguration {
        var settings = recipe?.configuration(iterations: iterations) ?? DistillationConfiguration()
        let updates = settings.fakeScoreTraining.updatesPerStudentUpdate
        settings.fakeScoreTraining = try published.fakeScoreTraining(for: chosen(iterations: iterations))
        if loss == nil, let recipe {
            settings.setFakeScoreUpdates(updates)
            if let weight = recipe.fakeScoreWeight { settings.fakeScoreTraining.weight = weight }
        }
        return settings
    }

    func validate() throws {
        try check("--teacher-pictures", teacherPictures, in: 1...1_000_000)
        try check("--pairs-guidance-scale", pairsGuidanceScale, in: -1000...1000)
        try check("--guidance-scale", guidanceScale, in: -1000...1000)
        try check("--fake-score-guidance-scale", fakeScoreGuidanceScale, in: -1000...1000)
        let generated: LossNeeds = [.pairs, .realLatents, .reward]
        if savePairs != nil, pairs == nil, !regressFirstStep, published.loss.needs.isDisjoint(with: generated) {
            throw ValidationError("--save-pairs: --loss \(published.rawValue) generates no pairs")
        }
    }

    /// Checks the files before the teacher is loaded.
    func check() throws {
        try checkInput(pairs, "--pairs")
        try checkOutput(file: savePairs, "--save-pairs")
    }

    /// The loss and its resources: the teacher's pairs as far as the loss needs them, and a reward that is trained on them.
    func lossAndResources(
        _ model: TextToImageModel, _ saved: TeacherPairs?, prompts: [String], iterations: Int, seed: UInt64
    ) throws -> (loss: any DistillationLoss, resources: DistillationResources) {
        let loss = try chosen(iterations: iterations)
        var resources =
            try saved.map { try DistillationResources($0) }
            ?? DistillationResources(
                generatedBy: model, for: loss.needs, prompts: prompts, count: teacherPictures,
                guidanceScale: pairsGuidanceScale, seed: seed)
        if let savePairs { try resources.pairs?.save(to: savePairs, prompts: prompts) }
        guard loss.needs.contains(.reward), let pairs = resources.pairs else { return (loss, resources) }
        var training = ContrastiveReward.Training()
        training.seed = seed
        let progress = ProgressLine()
        let reward = try ContrastiveReward(
            learnedFrom: pairs, decoder: model.decoder,
            conditions: PromptConditions(prompts, in: model.embeddings(for: prompts + [""])),
            training: training
        ) { step, loss in
            progress.show(
                Double(step) / Double(training.steps),
                "reward, step \(step) of \(training.steps): \(String(format: "%.3f", loss))")
        }
        progress.finish()
        StandardError.write(
            line: "reward: \(String(format: "%.3f", reward.teacherMean)) on the teacher's own images")
        resources.reward = reward
        return (loss.calibrated(toMeanReward: reward.teacherMean), resources)
    }
}
