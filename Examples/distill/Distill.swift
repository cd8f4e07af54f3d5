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
        help: "A student of this teacher to start from, instead of the teacher itself; of several, their mean.")
    var student: [String] = []
    @Option(help: "The folder of a tokenizer, which a single file lacks.") var tokenizer: String?
    @Option(help: "A text file with a prompt a line.") var prompts: String
    @Option(
        help: "Embeddings of all prompts and of \"\", as this or text-to-image saved them, instead of the text encoder."
    )
    var embeddings: String?
    @Option(help: "Where to save the embeddings of all prompts and of \"\".") var saveEmbeddings: String?
    @Option(help: "The loss, with its publication's settings.") var loss = PublishedLoss.vsd
    @Option(help: "The run's folder: settings, metrics, sheets, checkpoints, and at the end student/ and fake-score/.")
    var output: String
    @Option(help: "Steps to take in all; 0 saves what the student starts from.") var iterations = 1000
    @Option(help: "Pictures a step.") var batch = DistillationConfiguration().batchSize
    @Option(help: "The student's step size.")
    var studentLearningRate = DistillationConfiguration().studentLearningRate
    @Option(help: "The fake score's step size.")
    var fakeScoreLearningRate = DistillationConfiguration().fakeScoreLearningRate
    @Option(help: "How both step sizes change: constant, or cosine, which is 0 after the iterations.")
    var learningRateSchedule = LearningRateDecay.constant
    @Option(
        help: "Guidance: the teacher's, and the fake score's where the loss guides both. Default: the publication's.")
    var guidanceScale: Double?
    @Option(help: "The timestep at which the student works.")
    var studentTimestep = DistillationConfiguration().studentTimestep
    @Option(
        help:
            "What the student's network is asked for: epsilon, sample or v_prediction. Default: what the teacher's is.")
    var studentPrediction: PredictionType?
    @Option(help: "What of the fake score is trained: adapters or copy.")
    var fakeScore = DistillationConfiguration().fakeScoreWeights
    @Option(
        help: "Updates of the fake score for each of the student, each on pictures drawn for it if there are several.")
    var fakeScoreUpdates: Int?
    @Option(help: "Steps at the start in which only the fake score learns.") var fakeScoreWarmUpSteps = 0
    @Option(help: "Pictures of the teacher, for losses that need pairs or data.") var teacherPictures = 64
    @Option(help: "Pairs of noise and the teacher's picture that an earlier run saved, instead of drawing them.")
    var pairs: String?
    @Option(help: "Where to save the pairs that were drawn.") var savePairs: String?
    @Option(help: "The adapters' inner width; their scale stays 1.6875.")
    var rank = DistillationConfiguration().adapterRank
    @Option(parsing: .upToNextOption, help: "The layers that get adapters, by the ends of their paths.")
    var adapterTargets = DistillationConfiguration().adapterTargets
    @Option(help: "The largest decay of the student's moving average.")
    var averageDecay = DistillationConfiguration().averageDecay
    @Flag(help: "Run the student's blocks again in the backward pass instead of keeping what they computed.")
    var recompute = false
    @OptionGroup var seeds: SeedOptions
    @Option(help: "Steps between two sheets, and between two checkpoints.") var saveEvery = 100
    @Option(help: "A text file with the sheets' prompts. Default: 16 of the training prompts.")
    var sheetPrompts: String?
    @Option(help: "The teacher's guidance on the last sheet, where it stands beside the student.")
    var sheetGuidanceScale = 4.5
    @Option(help: "How the finished student's weights are stored: float16, float32 or bfloat16.")
    var dtype = StoredType.float16
    @Flag(help: "Resume the run in the output folder.") var resume = false
    @Flag(help: "Begin a run in an output folder that holds other files; they are left alone.") var allowOtherFiles =
        false
    @Flag(help: "Begin also where more memory is needed than the system, or the process's control group, grants.")
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
            throw ValidationError("--guidance-scale: --loss \(loss.rawValue) draws its own")
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

    /// Looks at the files that the options name and at the settings that are known, before the teacher is loaded.
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
            throw ValidationError("--save-pairs: --loss \(loss.rawValue) draws no pairs")
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
            guard let drawn = resources.pairs else {
                throw ValidationError("--save-pairs: --loss \(loss.rawValue) draws no pairs")
            }
            try drawn.save(to: URL(filePath: savePairs), prompts: lines)
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

    /// The mean of the students to start from, nil for none.
    private func start() throws -> TextToImageModel? {
        let students = try student.map { try TextToImageModel(contentsOf: URL(filePath: $0)) }
        return try students.dropFirst().enumerated().reduce(students.first) { mean, next in
            try mean?.merged(with: next.element, share: Double(next.offset + 1) / Double(next.offset + 2))
        }
    }

    /// The reward of the alignment loss, from the teacher's own pictures.
    private func learnReward(
        of model: TextToImageModel, from resources: DistillationResources, _ embedded: PromptEmbeddings,
        _ lines: [String]
    ) throws -> ContrastiveReward {
        guard let pairs = resources.pairs else {
            throw ValidationError(
                "--loss \(loss.rawValue) learns its reward from the teacher's pictures, and there are none")
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
            line: "reward: \(String(format: "%.3f", reward.teacherMean)) on the teacher's own pictures")
        return reward
    }
}

/// How the step sizes change over a run.
enum LearningRateDecay: String, ExpressibleByArgument, CaseIterable {
    case constant, cosine
}

/// How weights are stored.
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
