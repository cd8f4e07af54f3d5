import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime
import Tensor

@main
struct DistillGuidance: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill-guidance",
        abstract:
            "Trains a copy of a teacher to predict in one pass what guidance computes of two, with prompts alone.",
        discussion: """
            The result is sampled at guidance scale 1, in half the time, and serves distill as a teacher of half the cost: \
            distill --teacher RUN/teacher --guidance-scale 1.
            """)

    @Option(help: "The teacher: a diffusers folder or a safetensors file.") var teacher: URL
    @Option(help: "A tokenizer folder, for a teacher in a single file.") var tokenizer: URL?
    @Option(help: "A text file with one prompt per line.") var prompts: URL
    @Option(help: "The run's folder: settings, metrics, sample grids, checkpoints and teacher/.") var output: URL
    @Option(help: "Guidance scale of the teacher.")
    var guidanceScale = GuidanceDistillationSettings().guidanceScale
    @Option(help: "Steps of the teacher's samplings, at whose points the copy learns.")
    var steps = GuidanceDistillationSettings().steps
    @Option(help: "Samplings that advance side by side.") var batch = GuidanceDistillationSettings().batchSize
    @Option(help: "AdamW's learning rate.") var learningRate = GuidanceDistillationSettings().learningRate
    @Option(help: "The largest decay of the moving average.")
    var averageDecay = GuidanceDistillationSettings().averageDecay
    @Option(help: "Steps to take in all.") var iterations = 1000
    @Option(help: "Steps between two sample grids, and between two checkpoints.") var saveEvery = 100
    @OptionGroup var starting: RunStartOptions
    @OptionGroup(title: "Processes") var processes: ProcessOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions
    @OptionGroup var seeds: SeedOptions

    static let optionNames = [
        "guidanceScale": "guidance-scale", "steps": "steps", "batchSize": "batch", "accumulatedParts": "accumulate",
        "learningRate": "learning-rate", "averageDecay": "average-decay",
    ]

    func validate() throws {
        try check("--iterations", iterations, in: 0...1_000_000_000)
        try check("--save-every", saveEvery, in: 1...1_000_000_000)
    }

    func run() throws { try LaunchedProcesses.run(run(in:)) }

    private var settings: GuidanceDistillationSettings {
        var settings = GuidanceDistillationSettings()
        (settings.guidanceScale, settings.steps, settings.batchSize) = (guidanceScale, steps, batch)
        (settings.learningRate, settings.averageDecay, settings.seed) = (learningRate, averageDecay, seeds.value)
        (settings.precision, settings.gradientType) = (computation.recordedPrecision, processes.gradients)
        if let parts = processes.accumulate { settings.accumulatedParts = parts }
        return settings
    }

    private func run(in group: any ProcessGroup) throws {
        var settings = settings
        try settings.validate()
        for (url, option) in [(teacher, "--teacher"), (tokenizer, "--tokenizer"), (prompts, "--prompts")] {
            try checkInput(url, option)
        }
        try checkOutput(folder: output, "--output")
        let texts = try PromptFile.read(prompts)
        let run = try RunDirectory(
            output, resuming: starting.resume, allowingOtherFiles: starting.allowOtherFiles, in: group)
        settings.accumulatedParts = try run.accumulatedParts(processes.accumulate, in: group)
        try settings.validate()
        let model = try TextToImageModel(contentsOf: teacher, tokenizer: tokenizer).keepingEmbeddings(of: texts + [""])
        let training = try GuidanceDistiller(teacher: model, prompts: texts, settings: settings)
        (training.group, training.shardsOptimizer) = (group, processes.shardOptimizer)
        try starting.checkMemory(training.memoryByteCount * group.countOnHost, of: "this training")
        try run.begin(training)
        let progress = ProgressBar(
            total: iterations, done: training.stepCount, picturesPerStep: batch, processes: group.count)
        try run.train(
            training, iterations: iterations, checkpointEvery: saveEvery, sheetEvery: saveEvery,
            progress: { step in
                progress.show(
                    step: step.step, peakBytes: step.peakBytes,
                    String(format: "loss %.2e  gradient %.2e", step.loss, step.gradientNorm))
            },
            saveSheet: {
                let sheet = try sheet(of: try training.guidedModel(of: model), beside: model, Array(texts.prefix(8)))
                try PNG.write(sheet, to: run.sheet(step: training.stepCount))
            })
        guard group.rank == 0 else { return }
        try training.guidedModel(of: model).save(to: run.guidedTeacher, scalarType: .float16)
        if !(try run.metrics(GuidanceDistillationStep.self).isEmpty) {
            try RunReport(of: run.url).write(to: run.report)
        }
        print(run.guidedTeacher.path)
    }

    /// Images of the teacher with guidance, and below them those of the copy without.
    private func sheet(
        of copy: TextToImageModel, beside teacher: TextToImageModel, _ prompts: [String]
    ) throws -> Picture {
        let rows = try [(teacher, guidanceScale), (copy, 1)].map { model, scale in
            let settings = SamplingSettings(
                steps: steps, guidanceScale: scale, sampler: try model.deterministicSampler())
            var sampling = try model.samples(for: prompts, settings, seed: 0)
            return try sampling.last().map { try model.pictures(from: $0.latents) } ?? []
        }
        return try .grid(rows.flatMap(\.self), columns: prompts.count)
    }
}
