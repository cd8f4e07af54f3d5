import SwiftBrushRuntime
import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands
import Tensor

@main
struct Distill: BrushCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Turns a multi-step teacher into a one-step student, with prompts alone.")

    @Option(help: "The teacher: a diffusers folder or a safetensors file.") var teacher: String
    @Option(
        parsing: .upToNextOption,
        help: "Students of this teacher to start from, instead of the teacher itself; several are averaged.")
    var student: [String] = []
    @Option(help: "A tokenizer folder, for a teacher in a single file.") var tokenizer: String?
    @Option(help: "A text file with one prompt per line.") var prompts: String
    @Option(
        help: "Embeddings of all prompts and of \"\" that distill or text-to-image saved, instead of the text encoder."
    )
    var embeddings: String?
    @Option(help: "Where to save the embeddings of all prompts and of \"\".") var saveEmbeddings: String?
    @Option(help: "The loss, with its publication's settings.") var loss = PublishedLoss.vsd
    @Option(help: "The run's folder: settings, metrics, sample grids, checkpoints, student/ and fake-score/.")
    var output: String
    @Option(help: "Steps to take in all; 0 saves the initial student.") var iterations = 1000
    @Option(help: "Images per step.") var batch = DistillationConfiguration().batchSize
    @Option(help: "The student's learning rate.")
    var studentLearningRate = DistillationConfiguration().studentLearningRate
    @Option(help: "The fake score's learning rate.")
    var fakeScoreLearningRate = DistillationConfiguration().fakeScoreLearningRate
    @Option(help: "The schedule of both learning rates: constant, or cosine, which ends at 0.")
    var learningRateSchedule = LearningRateDecay.constant
    @Option(
        help: "Guidance scale of the teacher, and of the fake score if the loss guides it. Default: as published.")
    var guidanceScale: Double?
    @Option(help: "The student's timestep.")
    var studentTimestep = DistillationConfiguration().studentTimestep
    @Option(
        help:
            "The student's prediction type: epsilon, sample or v_prediction. Default: the teacher's.")
    var studentPrediction: PredictionType?
    @Option(help: "Which fake-score weights to train: adapters or copy.")
    var fakeScore = DistillationConfiguration().fakeScoreWeights
    @Option(
        help: "Updates of the fake score per update of the student; if several, each on newly generated samples.")
    var fakeScoreUpdates: Int?
    @Option(help: "Warm-up steps: only the fake score is updated.") var fakeScoreWarmUpSteps = 0
    @Option(help: "Images of the teacher to generate, for losses that need pairs or data.") var teacherPictures = 64
    @Option(help: "Pairs of noise and teacher image that an earlier run saved, instead of generating them.")
    var pairs: String?
    @Option(help: "Where to save the generated pairs.") var savePairs: String?
    @Option(help: "The adapters' rank; their scale stays 1.6875.")
    var rank = DistillationConfiguration().adapterRank
    @Option(parsing: .upToNextOption, help: "The layers that get adapters, by suffixes of their paths.")
    var adapterTargets = DistillationConfiguration().adapterTargets
    @Option(help: "The largest decay of the student's moving average.")
    var averageDecay = DistillationConfiguration().averageDecay
    @Flag(help: "Recompute the student's blocks in the backward pass instead of keeping their intermediates.")
    var recompute = false
    @OptionGroup var seeds: SeedOptions
    @Option(help: "Steps between two sample grids, and between two checkpoints.") var saveEvery = 100
    @Option(help: "A text file with the sample grids' prompts. Default: 16 of the training prompts.")
    var sheetPrompts: String?
    @Option(help: "The teacher's guidance scale in the last sample grid, which compares it with the student.")
    var sheetGuidanceScale = 4.5
    @Option(help: "The data type of the saved student's weights: float16, float32 or bfloat16.")
    var dtype = StoredType.float16
    @Flag(help: "Resume the run in the output folder.") var resume = false
    @Flag(help: "Start a run in an output folder that contains other files; they are left alone.") var allowOtherFiles =
        false
    @Flag(help: "Start even if more memory is needed than the system, or the process's control group, grants.")
    var ignoreMemory = false

    private var seed: UInt64 { seeds.value }

    func validate() throws {
        try check("--iterations", iterations, in: 0...1_000_000_000)
        try check("--save-every", saveEvery, in: 1...1_000_000_000)
        try check("--teacher-pictures", teacherPictures, in: 1...1_000_000)
        try check("--guidance-scale", guidanceScale, in: -1000...1000)
        try check("--sheet-guidance-scale", sheetGuidanceScale, in: -1000...1000)
        try check("--student-timestep", studentTimestep, in: 0...1_000_000)
        try check("--fake-score-updates", fakeScoreUpdates, in: 1...1000)
        try check("--rank", rank, in: 1...4096)
        if let guidanceScale, loss.loss(guidanceScale: guidanceScale) == nil {
            throw ValidationError("--guidance-scale: --loss \(loss.rawValue) takes none")
        }
        if adapterTargets.isEmpty { throw ValidationError("--adapter-targets: expected at least one") }
    }

    static let optionNames = [
        "batchSize": "batch", "studentLearningRate": "student-learning-rate",
        "fakeScoreLearningRate": "fake-score-learning-rate", "adapterRank": "rank", "averageDecay": "average-decay",
        "fakeScoreWarmUpSteps": "fake-score-warm-up-steps", "adapterTargets": "adapter-targets", "start": "student",
    ]

    static let renamedOptions = [
        "adapter-learning-rate": "fake-score-learning-rate", "fake-score-head-start": "fake-score-warm-up-steps",
    ]

    /// Checks the files that the options name, and the settings known so far, before the teacher is loaded.
    private func checkBefore(_ settings: DistillationConfiguration) throws {
        try settings.validate()
        let read: [(String?, String)] =
            [
                (teacher, "--teacher"), (prompts, "--prompts"), (tokenizer, "--tokenizer"), (pairs, "--pairs"),
                (embeddings, "--embeddings"), (sheetPrompts, "--sheet-prompts"),
            ] + student.map { ($0, "--student") }
        for (path, option) in read { try checkInput(path.map { URL(filePath: $0) }, option) }
        for (path, option) in [(saveEmbeddings, "--save-embeddings"), (savePairs, "--save-pairs")] {
            try checkOutput(file: path.map { URL(filePath: $0) }, option)
        }
        if savePairs != nil, pairs == nil, loss.loss.needs.isDisjoint(with: [.pairs, .realLatents, .reward]) {
            throw ValidationError("--save-pairs: --loss \(loss.rawValue) generates no pairs")
        }
        try checkOutput(folder: URL(filePath: output), "--output")
    }

    func run() throws {
        var settings = DistillationConfiguration()
        settings.batchSize = batch
        settings.studentLearningRate = studentLearningRate
        settings.fakeScoreLearningRate = fakeScoreLearningRate
        settings.adapterAlpha *= Double(rank) / Double(settings.adapterRank)
        settings.adapterRank = rank
        settings.adapterTargets = adapterTargets
        settings.averageDecay = averageDecay
        settings.recomputesBlocks = recompute
        settings.seed = seed
        settings.fakeScoreWarmUpSteps = fakeScoreWarmUpSteps
        try checkBefore(settings)
        let lines = try PromptFile.read(URL(filePath: prompts))
        let every = max(1, lines.count / 16)
        let shown =
            try sheetPrompts.map { try PromptFile.read(URL(filePath: $0)) }
            ?? lines.indices.filter { $0 % every == 0 }.prefix(16).map { lines[$0] }
        let run = try RunDirectory(URL(filePath: output), resuming: resume, allowingOtherFiles: allowOtherFiles)
        let saved = try embeddings.map { try PromptEmbeddings(contentsOf: URL(filePath: $0)) }
        let savedPairs = try pairs.map { try TeacherPairs(contentsOf: URL(filePath: $0), prompts: lines) }
        let checkpoint = try ModelFiles(contentsOf: URL(filePath: teacher))
        if checkpoint.oneStep != nil { throw ModelError.notMultiStepModel(path: teacher) }
        let model = try TextToImageModel(
            contentsOf: URL(filePath: teacher), tokenizer: tokenizer.map { URL(filePath: $0) })
        try run.claim()
        guard model.schedule.cumulativeAlphas.indices.contains(studentTimestep) else {
            throw ValidationError(
                "--student-timestep: expected 0 to \(model.schedule.timestepCount - 1), found \(studentTimestep)")
        }
        if studentTimestep != settings.studentTimestep {
            settings.studentTimestep = studentTimestep
            settings.studentCumulativeAlpha = model.schedule.cumulativeAlphas[studentTimestep]
        }
        settings.studentPrediction = studentPrediction
        settings.fakeScoreWeights = fakeScore
        try settings.checkAdapterTargets(on: model.unet)
        if learningRateSchedule == .cosine { settings.learningRateSchedule = .cosine(total: iterations) }
        var chosen = guidanceScale.flatMap(loss.loss(guidanceScale:)) ?? loss.loss
        settings.fakeScoreTraining = loss.fakeScoreTraining(for: chosen)
        if let fakeScoreUpdates {
            settings.fakeScoreTraining.updatesPerStudentUpdate = fakeScoreUpdates
            if fakeScoreUpdates > 1 { settings.fakeScoreTraining.usesNewSamples = true }
        }

        let memory = MemoryEstimate(distilling: model.unet, settings)
        try checkMemory(memory.written, of: "this distillation", isIgnored: ignoreMemory)
        for prompt in lines {
            guard let warning = model.tokenizer.truncationWarning(for: prompt) else { continue }
            StandardError.write(line: warning)
        }
        let embedded =
            try saved ?? model.embeddings(for: lines + shown + [""])
        if let saveEmbeddings { try embedded.save(to: URL(filePath: saveEmbeddings)) }
        var resources =
            try savedPairs.map { DistillationResources($0) }
            ?? DistillationResources(
                generatedBy: model, for: chosen.needs, prompts: lines, count: teacherPictures, seed: seed,
                embeddings: embedded)
        if let savePairs {
            guard let generated = resources.pairs else {
                throw ValidationError("--save-pairs: --loss \(loss.rawValue) generates no pairs")
            }
            try generated.save(to: URL(filePath: savePairs), prompts: lines)
        }
        if var aligned = chosen as? SwiftBrushV2 {
            let reward = try learnReward(of: model, from: resources, embedded, lines)
            aligned.second.threshold = reward.teacherMean
            (chosen, resources.reward) = (aligned, reward)
        }
        let distiller = try Distiller(
            teacher: model, startingFrom: start(), loss: chosen, prompts: lines, embeddings: embedded,
            configuration: settings, resources: resources)
        try run.begin(distiller)
        StandardError.write(line: "\(distiller.memoryEstimate)")
        StandardError.write(line: "\(distiller.estimateTime())")
        let progress = ProgressBar(total: iterations, done: distiller.stepCount, picturesPerStep: batch)
        func saveSheet() throws {
            try run.saveSheet(of: distiller, teacher: model, prompts: shown, embeddings: embedded)
        }
        if distiller.stepCount == 0 { try saveSheet() }
        try run.train(
            distiller, iterations: iterations, checkpointEvery: saveEvery, sheetEvery: saveEvery,
            progress: { step in
                progress.show(
                    step: step.step, peakBytes: step.peakBytes,
                    String(format: "student %.2e  fake score %.4f", step.studentLoss, step.fakeScoreLoss))
            }, saveSheet: saveSheet)
        let student = distiller.studentModel(of: model)
        try student.save(to: run.student, scalarType: dtype.scalarType)
        try distiller.fakeScore.adapters?.save(to: run.fakeScore)
        let sheet = try student.sheet(
            beside: model, prompts: shown, steps: 25, guidanceScale: sheetGuidanceScale, embeddings: embedded)
        try PNG.write(sheet, to: run.student.appending(path: "sheet.png"))
        if distiller.stepCount > 0 { try RunReport(of: run.url).write(to: run.report) }
        print(run.student.path)
    }

    /// The mean of the students to start from; nil if there are none.
    private func start() throws -> TextToImageModel? {
        let students = try student.map { try TextToImageModel(contentsOf: URL(filePath: $0)) }
        return try students.dropFirst().enumerated().reduce(students.first) { mean, next in
            try mean?.merged(with: next.element, share: Double(next.offset + 1) / Double(next.offset + 2))
        }
    }

    /// Trains the alignment loss's reward on the teacher's images.
    private func learnReward(
        of model: TextToImageModel, from resources: DistillationResources, _ embedded: PromptEmbeddings,
        _ lines: [String]
    ) throws -> ContrastiveReward {
        guard let pairs = resources.pairs else {
            throw ValidationError(
                "--loss \(loss.rawValue) trains its reward on the teacher's images, and there are none")
        }
        var training = ContrastiveReward.Training()
        training.seed = seed
        let progress = ProgressLine()
        let reward = try ContrastiveReward(
            learnedFrom: pairs, decoder: model.decoder, conditions: PromptConditions(lines, in: embedded),
            training: training
        ) { step, loss in
            progress.show(
                Double(step) / Double(training.steps),
                "reward, step \(step) of \(training.steps): \(String(format: "%.3f", loss))")
        }
        progress.finish()
        StandardError.write(
            line: "reward: \(String(format: "%.3f", reward.teacherMean)) on the teacher's images")
        return reward
    }
}

/// The learning-rate schedule of a run.
enum LearningRateDecay: String, ExpressibleByArgument, CaseIterable {
    case constant, cosine
}

/// The data type of saved weights.
enum StoredType: String, ExpressibleByArgument, CaseIterable {
    case float16, float32, bfloat16

    var scalarType: ScalarType {
        switch self {
        case .float16: .float16
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }
}

extension PublishedLoss: ExpressibleByArgument {}
extension PredictionType: ExpressibleByArgument {}
extension FakeScoreWeights: ExpressibleByArgument {}
