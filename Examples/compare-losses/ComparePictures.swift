import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime
import Tensor

/// Compares losses on a teacher: one run per loss from the same student, seed and number of images; a sample grid for each, and a
/// table.
struct ComparePictures: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "pictures",
        abstract:
            "Runs on a teacher: a folder and a sample grid per loss, and a table. A stopped comparison is resumed.")

    @Option(help: "The teacher, a diffusers folder.")
    var teacher: URL

    @Option(help: "A text file with one prompt per line.")
    var prompts: URL

    @Option(help: "A text file with the sample grids' prompts.")
    var sheetPrompts: URL

    @Option(parsing: .upToNextOption, help: "The losses.")
    var losses: [PublishedLoss] = [.vsd, .dmd, .sidLSG, .pgSB]

    @Option(help: "The folder for the runs.")
    var output = "comparison"

    @Option(help: "Images per student to train on.")
    var pictures = 4000

    @Option(help: "Images per step.")
    var batch = 8

    @Option(help: "The student's learning rate.")
    var studentLearningRate = 2e-5

    @Option(help: "The fake score's learning rate.")
    var fakeScoreLearningRate = DistillationConfiguration().fakeScoreLearningRate

    @Option(help: "The rank of the fake score's adapters; their scale is 1.6875 at any rank.")
    var rank = DistillationConfiguration().adapterRank

    @Option(parsing: .upToNextOption, help: "The layers that get adapters, by suffixes of their paths.")
    var adapterTargets = DistillationConfiguration().adapterTargets

    @Option(help: "Images of the teacher to generate, for losses that need pairs or data.")
    var teacherPictures = 64

    @OptionGroup var seeds: SeedOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions
    var seed: UInt64 { seeds.value }

    func validate() throws {
        try check("--pictures", pictures, in: 1...1_000_000_000)
        try check("--teacher-pictures", teacherPictures, in: 1...1_000_000)
    }

    static let optionNames = [
        "batchSize": "batch", "studentLearningRate": "student-learning-rate",
        "fakeScoreLearningRate": "fake-score-learning-rate", "adapterRank": "rank", "adapterTargets": "adapter-targets",
    ]

    func run() throws {
        for published in losses { try settings(published).validate() }
        for (path, option) in [
            (teacher, "--teacher"), (prompts, "--prompts"), (sheetPrompts, "--sheet-prompts"),
        ] { try checkInput(path, option) }
        let folder = URL(filePath: output)
        try checkOutput(folder: folder, "--output")
        var model = try TextToImageModel(contentsOf: teacher)
        let (lines, shown) = (try PromptFile.read(prompts), try PromptFile.read(sheetPrompts))
        model = try model.keepingEmbeddings(of: lines + shown + [""])
        let results = try ResultFolder(
            folder, of: "comparison", writing: losses.map { "\($0.rawValue).png" } + ["comparison.md"])
        defer { withExtendedLifetime(results) {} }
        let needs = losses.reduce(into: LossNeeds()) { $0.formUnion($1.loss.needs) }
        let resources = try DistillationResources(
            generatedBy: model, for: needs, prompts: lines, count: teacherPictures, seed: seed)
        let measure = try Likeness(to: model, prompts: lines, seed: seed)
        var table = "| loss | steps | student norm | fake-score norm | fake-score loss | seconds per step "
        table += "| PSNR to the teacher | grain |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        table += "| the teacher, 25 steps | | | | | | | \(measure.teacherGrain) |\n"
        for (index, published) in losses.enumerated() {
            let run = try RunDirectory(folder.appending(path: published.rawValue), resuming: true)
            var settings = settings(published)
            try settings.setStudentTimestep(settings.studentTimestep, on: model.schedule)
            let distiller = try Distiller(
                teacher: model, loss: published.loss, prompts: lines, configuration: settings, resources: resources)
            if index == 0 {
                table += "| before training | 0 | | | | | \(try measure(distiller.studentModel(of: model))) |\n"
            }
            try run.begin(distiller)
            try run.train(distiller, iterations: (pictures + batch - 1) / batch, checkpointEvery: 100)
            let student = try distiller.studentModel(of: model)
            let sheet = try student.sheet(beside: model, prompts: shown, steps: 25, guidanceScale: 4.5)
            try PNG.write(sheet, to: folder.appending(path: "\(published.rawValue).png"))
            table += row(published, try run.metrics()) + " \(try measure(student)) |\n"
        }
        try DurableFile.write(Data(table.utf8), to: folder.appending(path: "comparison.md"))
        print(table)
    }
}
