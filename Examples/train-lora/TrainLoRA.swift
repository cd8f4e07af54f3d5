import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime
import SwiftBrushTeachers

@main
struct TrainLoRA: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "train-lora",
        abstract: "Teaches a model or a one-step student a subject or a style from a few pictures, as a LoRA.",
        discussion: """
            The result is used with text-to-image --lora RUN/lora, and in diffusers with load_lora_weights. A student stays a \
            student of one step. With --prior-prompts the model keeps what it makes of other prompts.
            """)

    @Argument(help: "A folder of PNG or JPEG files of any size, or with metadata.jsonl.") var pictures: URL
    @Option(help: "The model or student: a diffusers folder or a safetensors file.") var model: URL
    @Option(help: "A tokenizer folder, for a model in a single file.") var tokenizer: URL?
    @Option(
        help: "The caption of all pictures, with a rare word: \"a photo of sks dog\". Default: those of metadata.jsonl."
    )
    var prompt: String?
    @OptionGroup(title: "Prior") var prior: PriorOptions
    @Option(help: "The run's folder: settings, metrics, sample grids, checkpoints and lora/.") var output: URL
    @Option(help: "The adapters' rank; their scale is 1.") var rank = AdapterTrainingSettings().rank
    @Option(
        parsing: .upToNextOption,
        help: "The layers that get adapters, by suffixes of their paths. Default: to_q to_k to_v to_out.0.")
    var adapterTargets: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: "The layers of the text encoder that get adapters too, such as q_proj v_proj. Default: none.")
    var textEncoderTargets: [String] = []
    @Option(help: "The total number of steps.") var iterations = AdapterTrainingSettings().iterations
    @Option(help: "Pictures per step, and as many samples of the prior.")
    var batch = AdapterTrainingSettings().batchSize
    @Option(help: "AdamW's learning rate.") var learningRate = AdapterTrainingSettings().learningRate
    @Option(help: "The largest decay of the adapters' moving average.")
    var averageDecay = AdapterTrainingSettings().averageDecay
    @Option(help: "The noise levels' weights of a multi-step model: gamma of min-SNR, or 0 for equal weights.")
    var minimumSNR = AdapterTrainingSettings().minimumSNR ?? 0
    @Option(help: "Steps between two checkpoints, and between two sample grids.") var saveEvery = 100
    @OptionGroup var starting: RunStartOptions
    @OptionGroup(title: "Processes") var processes: ProcessOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions
    @OptionGroup var seeds: SeedOptions

    static let optionNames = [
        "batchSize": "batch", "accumulatedParts": "accumulate", "iterations": "iterations",
        "learningRate": "learning-rate", "averageDecay": "average-decay", "rank": "rank",
        "minimumSNR": "minimum-snr", "priorWeight": "prior-weight", "priorPictures": "prior-pictures",
        "priorSteps": "prior-steps", "priorGuidanceScale": "prior-guidance-scale",
        "textEncoderTargets": "text-encoder-targets", "model": "model",
    ]

    func validate() throws {
        try check("--save-every", saveEvery, in: 1...1_000_000_000)
    }

    func run() throws { try LaunchedProcesses.run(run(in:)) }

    private var settings: AdapterTrainingSettings {
        var settings = AdapterTrainingSettings()
        (settings.rank, settings.alpha, settings.seed) = (rank, Double(rank), seeds.value)
        if !adapterTargets.isEmpty { settings.targets = adapterTargets }
        (settings.textEncoderTargets, settings.iterations, settings.batchSize) = (textEncoderTargets, iterations, batch)
        (settings.learningRate, settings.averageDecay) = (learningRate, averageDecay)
        settings.minimumSNR = minimumSNR == 0 ? nil : minimumSNR
        prior.apply(to: &settings)
        (settings.precision, settings.gradientType) = (computation.recordedPrecision, processes.gradients)
        if let parts = processes.accumulate { settings.accumulatedParts = parts }
        return settings
    }

    private func run(in group: any ProcessGroup) throws {
        var settings = settings
        try settings.validate()
        for (url, option) in [
            (pictures, "the folder"), (model, "--model"), (tokenizer, "--tokenizer"),
            (prior.priorPrompts, "--prior-prompts"),
        ] {
            try checkInput(url, option)
        }
        try checkOutput(folder: output, "--output")
        let priorTexts = try prior.priorPrompts.map { try PromptFile.read($0) } ?? []
        let run = try RunDirectory(
            output, resuming: starting.resume, allowingOtherFiles: starting.allowOtherFiles, in: group)
        settings.accumulatedParts = try run.accumulatedParts(processes.accumulate, in: group)
        let base = try TextToImageModel(contentsOf: model, tokenizer: tokenizer)
        let side = min(base.latentSize.height, base.latentSize.width) * base.decoder.pixelsPerLatent
        let pictures = try CaptionedPictures(subjectIn: pictures, caption: prompt, side: side)
        let trainer = try AdapterTrainer(model: base, pictures: pictures, priorPrompts: priorTexts, settings: settings)
        (trainer.group, trainer.shardsOptimizer) = (group, processes.shardOptimizer)
        try starting.checkMemory(trainer.memoryByteCount * group.countOnHost, of: "this training")
        try run.begin(trainer)
        StandardError.write(line: "\(pictures.count) pictures, \(trainer.scalarCount) parameters")
        try trainer.generatePrior { done, total in StandardError.write(line: "\(done) of \(total) images of the prior")
        }
        let prompts = pictures.captions.prefix(4).map(\.text) + priorTexts.prefix(4)
        let progress = ProgressBar(
            total: iterations, done: trainer.stepCount, picturesPerStep: batch, processes: group.count)
        try run.train(
            trainer, iterations: iterations, checkpointEvery: saveEvery, sheetEvery: saveEvery,
            progress: { step in
                let prior = step.priorLoss.map { String(format: "  prior %.4f", $0) } ?? ""
                progress.show(
                    step: step.step, peakBytes: step.peakBytes, String(format: "loss %.4f", step.loss) + prior)
            },
            saveSheet: { try run.saveSheet(of: trainer, beside: base, pictures: pictures, prompts: prompts) })
        guard group.rank == 0 else { return }
        try trainer.adapters.save(to: run.adapters, as: .diffusers, for: base)
        if !(try run.metrics(AdapterStep.self).isEmpty) { try RunReport(of: run.url).write(to: run.report) }
        print(run.adapters.path)
    }
}
