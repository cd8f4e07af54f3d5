import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime
import Tensor

@main
struct Distill: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Turns a multi-step teacher into a one-step student, with prompts alone.")

    @OptionGroup(title: "Models and prompts") var models: ModelOptions
    @OptionGroup(title: "Loss") var loss: LossOptions
    @OptionGroup(title: "Student") var student: StudentOptions
    @OptionGroup(title: "Training") var training: TrainingOptions
    @OptionGroup(title: "Run") var running: RunOptions
    @OptionGroup(title: "Measurements") var measuring: MeasurementOptions
    @OptionGroup(title: "Processes") var processes: ProcessOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions
    @OptionGroup var seeds: SeedOptions

    static let optionNames = [
        "batchSize": "batch", "adapterRank": "rank", "start": "student",
        "accumulatedParts": "accumulate", "studentTimestep": "student-timestep", "studentAdapters.rank": "student-rank",
        "studentLearningRate": "student-learning-rate", "loss.guidanceTimesteps": "guidance-timesteps",
        "fakeScoreLearningRate": "fake-score-learning-rate", "fakeScoreWarmUpSteps": "fake-score-warm-up-steps",
        "averageDecay": "average-decay", "loss.weight": "loss-weight", "lagInterval": "lag-interval",
        "adapterTargets": "adapter-targets", "guidanceScale": "guidance-scale", "loss.timesteps": "loss-timesteps",
        "fakeScoreGuidanceScale": "fake-score-guidance-scale", "fakeScoreTraining.timesteps": "fake-score-timesteps",
        "loss.regressesFirstStep": "regress-first-step", "studentLearningRateWarmUp": "student-learning-rate-warm-up",
        "fakeScoreLearningRateWarmUp": "fake-score-learning-rate-warm-up", "fakeScoreAlignment": "fake-score-alignment",
    ]

    static let renamedOptions = [
        "adapter-learning-rate": "fake-score-learning-rate", "fake-score-head-start": "fake-score-warm-up-steps",
    ]

    func run() throws { try LaunchedProcesses.run(run(in:)) }

    private func run(in group: any ProcessGroup) throws {
        var settings = try training.settings(
            for: loss, iterations: running.iterations, seed: seeds.value, precision: computation.recordedPrecision,
            in: processes)
        student.apply(to: &settings)
        // What can be wrong is found before the teacher is loaded.
        try student.check(startCount: models.student.count, regressesFirstStep: loss.regressFirstStep)
        try settings.validate()
        try models.check()
        try loss.check()
        try running.check()
        try measuring.checkPaths()
        let prompts = try PromptFile.read(models.prompts)
        let shown = try running.sheetPrompts(among: prompts)
        let pairs = try loss.pairs.map { try TeacherPairs(contentsOf: $0, prompts: prompts) }
        let run = try RunDirectory(
            running.output, resuming: running.starting.resume, allowingOtherFiles: running.starting.allowOtherFiles,
            in: group)
        settings.accumulatedParts = try run.accumulatedParts(processes.accumulate, in: group)
        try settings.validate()
        var teacher = try models.loadTeacher()
        try run.claim()
        try settings.setStudentTimestep(student.studentTimestep ?? loss.studentTimestep, on: teacher.schedule)
        try settings.checkAdapterTargets(on: teacher.network)
        let memory = MemoryEstimate(
            distilling: teacher.network, settings, shardedOver: processes.shardOptimizer ? group.count : 1)
        try running.starting.checkMemory(memory.written * group.countOnHost, of: "this distillation")

        teacher = try models.keepingEmbeddings(of: prompts + shown, teacher)
        let (loss, resources) = try loss.lossAndResources(
            teacher, pairs, prompts: prompts, iterations: running.iterations, seed: seeds.value)
        let distiller = try Distiller(
            teacher: teacher, startingFrom: models.start(), loss: loss, prompts: prompts,
            configuration: settings, resources: resources)
        (distiller.group, distiller.shardsOptimizer) = (group, processes.shardOptimizer)
        try run.begin(distiller)
        StandardError.write(line: "\(distiller.memoryEstimate)\n\(distiller.estimateTime())")
        let measurement = try measuring.measurement(of: distiller, teacher: teacher, prompts: prompts)
        try train(distiller, of: teacher, shown, measurement, in: run)

        guard group.rank == 0 else { return }
        if measurement != nil, let best = try run.restoreBest(of: distiller) {
            StandardError.write(line: "student of step \(best.step), the best of \(best.values)")
        }
        let student = try distiller.studentModel(of: teacher)
        try student.save(to: run.student, scalarType: running.dtype.scalarType)
        for layout in LowRankLayout.allCases {
            try distiller.studentAdapters?.save(to: run.studentAdapters, as: layout, for: teacher)
        }
        try distiller.fakeScore.adapters?.save(to: run.fakeScore)
        let sheet = try student.sheet(
            beside: teacher, prompts: shown, steps: 25, guidanceScale: running.sheetGuidanceScale)
        try PNG.write(sheet, to: run.student.appending(path: "sheet.png"))
        if !(try run.metrics().isEmpty) { try RunReport(of: run.url).write(to: run.report) }
        print(run.student.path)
    }

    private func train(
        _ distiller: Distiller, of teacher: TextToImageModel, _ shown: [String], _ measurement: RunMeasurement?,
        in run: RunDirectory
    ) throws {
        let progress = ProgressBar(
            total: running.iterations, done: distiller.stepCount, picturesPerStep: training.batch,
            processes: distiller.group.count)
        func saveSheet() throws {
            try run.saveSheet(of: distiller, teacher: teacher, prompts: shown)
        }
        if distiller.stepCount == 0, distiller.group.rank == 0 { try saveSheet() }
        try run.train(
            distiller, iterations: running.iterations, checkpointEvery: running.saveEvery,
            sheetEvery: running.saveEvery, measurement: measurement,
            progress: { step in
                progress.show(
                    step: step.step, peakBytes: step.peakBytes,
                    String(format: "student %.2e  fake score %.4f", step.studentLoss, step.fakeScoreLoss))
            }, saveSheet: saveSheet)
    }
}
