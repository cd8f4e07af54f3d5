import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands

/// Measures the scores that a distillation compares, by timestep.
struct CompareScores: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "scores",
        abstract: "Teacher and fake score of a distillation on its student's samples, by timestep.",
        discussion: """
            For each timestep: the mean squared errors of the teacher's and of the fake score's x0, their difference, and the gradient \
            of variational score distillation without guidance, as a whole and the part that is the same for all noise.
            """)

    @Argument(help: "The folder of a distillation with adapters: student/ and fake-score/.") var folder: URL
    @Option(help: "The teacher, a diffusers folder.") var teacher: URL
    @Option(help: "Another distillation of the same teacher, whose fake score is measured instead.") var fakeScore: URL?
    @Option(help: "A text file with one prompt per line.") var prompts: URL
    @Option(help: "The number of samples.") var samples = 64
    @Option(help: "How often noise is added to each sample.") var repetitions = 8
    @Option(parsing: .upToNextOption, help: "The timesteps to measure.")
    var timesteps = [50, 200, 400, 600, 800, 900, 950, 980]
    @OptionGroup var seeds: SeedOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws {
        try check("--samples", samples, in: 1...1_000_000)
        try check("--repetitions", repetitions, in: 2...1_000_000)
        for timestep in timesteps { try check("--timesteps", timestep, in: 0...999) }
    }

    func run() throws {
        try checkInput(folder, "the folder")
        try checkInput(teacher, "--teacher")
        try checkInput(fakeScore, "--fake-score")
        try checkInput(prompts, "--prompts")
        let model = try TextToImageModel(contentsOf: teacher)
        var fake = model
        let adapters = (fakeScore ?? folder).appending(path: "fake-score")
        try LowRankWeights(contentsOf: adapters).merge(into: &fake, weight: 1)
        let errors = try ScoreErrors(
            of: model, fake.network, student: TextToImageModel(contentsOf: folder.appending(path: "student")),
            prompts: PromptFile.read(prompts), samples: samples, repetitions: repetitions, timesteps: timesteps,
            seed: seeds.value)
        print("| t | teacher's error | fake score's error | their difference | gradient | the same for all noise |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row in errors.rows {
            print(
                String(
                    format: "| %d | %.4f | %.4f | %.5f | %.2e | %.0f %% |", row.timestep, row.teacher, row.fakeScore,
                    row.difference, row.gradient, 100 * row.signal / max(row.gradient, 1e-30)))
        }
    }
}
