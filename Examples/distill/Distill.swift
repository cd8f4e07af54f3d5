import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import Tensor

@main
struct Distill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Turns a multi-step teacher into a one-step student, with prompts alone (SwiftBrush).")

    @Option(help: "The teacher, a model in the diffusers layout.") var teacher: String
    @Option(help: "A text file with a prompt a line.") var prompts: String
    @Option(
        help: "Embeddings of all prompts and of \"\", as this or text-to-image saved them, instead of the text encoder."
    )
    var embeddings: String?
    @Option(help: "Where to save the embeddings of all prompts and of \"\".") var saveEmbeddings: String?
    @Option(help: "The run's folder: settings, metrics, sheets, checkpoints, and at the end student/ and fake-score/.")
    var output: String
    @Option(help: "Steps to take in all.") var iterations = 1000
    @Option(help: "Pictures a step.") var batch = DistillationConfiguration().batchSize
    @Option(help: "The student's step size.")
    var studentLearningRate = DistillationConfiguration().studentLearningRate
    @Option(help: "The fake score's step size.")
    var adapterLearningRate = DistillationConfiguration().fakeScoreLearningRate
    @Option(help: "Guidance of teacher and fake score.")
    var guidanceScale = VariationalScoreDistillation().teacherGuidanceScale
    @Option(help: "The adapters' inner width; their scale stays 1.6875.")
    var rank = DistillationConfiguration().adapterRank
    @Option(parsing: .upToNextOption, help: "The layers that get adapters, by the ends of their paths.")
    var adapterTargets = DistillationConfiguration().adapterTargets
    @Option(help: "The largest decay of the student's moving average.")
    var averageDecay = DistillationConfiguration().averageDecay
    @Option(help: "The seed of everything random.") var seed: UInt64 = 0
    @Option(help: "Steps between two sheets, and between two checkpoints.") var saveEvery = 100
    @Option(help: "A text file with the sheets' prompts. Default: 16 of the training prompts.")
    var sheetPrompts: String?
    @Option(help: "The teacher's guidance on the last sheet, where it stands beside the student.")
    var sheetGuidanceScale = 4.5
    @Flag(help: "Go on with the run in the output folder.") var resume = false

    func validate() throws {
        if saveEvery < 1 { throw ValidationError("--save-every: expected at least 1, found \(saveEvery)") }
        if rank < 1 { throw ValidationError("--rank: expected at least 1, found \(rank)") }
    }

    func run() throws {
        let model = try TextToImageModel(contentsOf: URL(filePath: teacher))
        let lines = try PromptFile.read(URL(filePath: prompts))
        let every = max(1, lines.count / 16)
        let shown =
            try sheetPrompts.map { try PromptFile.read(URL(filePath: $0)) }
            ?? lines.indices.filter { $0 % every == 0 }.prefix(16).map { lines[$0] }

        var settings = DistillationConfiguration()
        settings.batchSize = batch
        settings.studentLearningRate = studentLearningRate
        settings.fakeScoreLearningRate = adapterLearningRate
        settings.adapterAlpha *= Double(rank) / Double(settings.adapterRank)
        settings.adapterRank = rank
        settings.adapterTargets = adapterTargets
        settings.averageDecay = averageDecay
        settings.seed = seed
        var loss = VariationalScoreDistillation()
        (loss.teacherGuidanceScale, loss.fakeScoreGuidanceScale) = (guidanceScale, guidanceScale)

        let run = try RunDirectory(URL(filePath: output), resuming: resume)
        for prompt in lines {
            guard let warning = model.tokenizer.truncationWarning(for: prompt) else { continue }
            FileHandle.standardError.write(Data("\(warning)\n".utf8))
        }
        let embedded =
            try embeddings.map { try PromptEmbeddings(contentsOf: URL(filePath: $0)) }
            ?? model.embeddings(for: lines + shown + [""])
        if let saveEmbeddings { try embedded.save(to: URL(filePath: saveEmbeddings)) }
        let distiller = try Distiller(
            teacher: model, loss: loss, prompts: lines, embeddings: embedded, configuration: settings)
        try run.begin(distiller)
        var progress = ProgressBar(total: iterations, done: distiller.stepCount)
        if distiller.stepCount == 0 { try saveSheet(of: distiller, model, shown, embedded, run) }
        while distiller.stepCount < iterations {
            let step = try distiller.step()
            try run.record(step)
            progress.show(step, batch: batch)
            if step.step % saveEvery == 0 || step.step == iterations {
                try run.saveCheckpoint(of: distiller)
                try saveSheet(of: distiller, model, shown, embedded, run)
            }
        }
        let student = distiller.studentModel(of: model)
        try student.save(to: run.student, scalarType: .float16)
        try distiller.fakeScore.adapters?.save(to: run.fakeScore)
        let sheet = try student.sheet(
            beside: model, prompts: shown, steps: 25, guidanceScale: sheetGuidanceScale, embeddings: embedded)
        try PNG.write(sheet, to: run.student.appending(path: "sheet.png"))
        print(run.student.path)
    }

    private func saveSheet(
        of distiller: Distiller, _ model: TextToImageModel, _ prompts: [String], _ embeddings: PromptEmbeddings,
        _ run: RunDirectory
    ) throws {
        let pictures = try distiller.studentModel(of: model).pictures(for: prompts, seed: 0, embeddings: embeddings)
        let text = ["prompts": prompts.joined(separator: "\n"), "step": "\(distiller.stepCount)"]
        try PNG.write(.grid(pictures, columns: 8), text: text, to: run.sheet(step: distiller.stepCount))
    }
}
