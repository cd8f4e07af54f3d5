import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import SwiftBrushRuntime
import SwiftBrushTeachers

/// Trains a teacher.
struct Train: ComputingCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Trains a small text-to-image model on captioned images: autoencoder, text encoder, denoising network.")

    @Argument(help: "A folder of PNG or JPEG files with metadata.jsonl, as Scripts/emoji-data writes it.") var data:
        URL?
    @Flag(help: "Train on shapes drawn in code instead of a folder.") var shapes = false
    @Option(help: "The run's folder: settings, metrics, sample grids, checkpoints, and teacher/.") var output: URL
    @Option(help: "A model whose autoencoder is used. Default: one is trained first.") var autoencoder: URL?
    @Option(help: "The folder of a tokenizer. Default: one is trained on the captions.") var tokenizer: URL?
    @Option(
        help: "A teacher whose weights the training starts from, with its autoencoder, tokenizer and noise schedule.")
    var start: URL?
    @Option(help: "The total number of steps.") var iterations = TeacherTrainingConfiguration().iterations
    @Option(help: "The total number of autoencoder steps.")
    var autoencoderIterations = AutoencoderTrainingConfiguration().iterations
    @Option(help: "Images per step.") var batch = TeacherTrainingConfiguration().batchSize
    @Option(help: "AdamW's maximum learning rate.") var learningRate = TeacherTrainingConfiguration().learningRate
    @Option(help: "The maximum decay of the moving average.")
    var averageDecay = TeacherTrainingConfiguration().averageDecay
    @OptionGroup var network: NetworkOptions
    @Option(help: "The share of captions that are the image's group, such as \"an animal\", if it has one.")
    var groupShare = CaptionMix().groupShare
    @OptionGroup var seeds: SeedOptions
    @Option(help: "Steps between checkpoints.") var saveEvery = 250
    @Option(help: "Steps between sample grids.") var sheetEvery = 1000
    @OptionGroup var starting: RunStartOptions
    @OptionGroup(title: "Processes") var processes: ProcessOptions
    @OptionGroup(title: "Computation") var computation: ComputationOptions

    func validate() throws {
        if (data == nil) != shapes { throw ValidationError("expected a folder or --shapes, and not both") }
        if start != nil, network.predictionType != nil {
            throw ValidationError("--prediction-type: expected none with --start, whose network keeps its own")
        }
        try check("--save-every", saveEvery, in: 1...1_000_000_000)
        try check("--sheet-every", sheetEvery, in: 1...1_000_000_000)
        try check("--autoencoder-iterations", autoencoderIterations, in: 1...1_000_000_000)
    }

    static let optionNames = [
        "batchSize": "batch", "accumulatedParts": "accumulate", "iterations": "iterations",
        "learningRate": "learning-rate", "averageDecay": "average-decay", "blockChannels": "channels", "start": "start",
        "captions.groupShare": "group-share",
    ]

    func run() throws { try LaunchedProcesses.run(run(in:)) }

    private func run(in group: any ProcessGroup) throws {
        var settings = TeacherTrainingConfiguration()
        (settings.iterations, settings.batchSize, settings.seed) = (iterations, batch, seeds.value)
        (settings.learningRate, settings.averageDecay) = (learningRate, averageDecay)
        (settings.precision, settings.captions.groupShare) = (computation.recordedPrecision, groupShare)
        if let parts = processes.accumulate { settings.accumulatedParts = parts }
        settings.gradientType = processes.gradients
        try settings.validate()
        for (url, option) in [
            (data, "the folder"), (autoencoder, "--autoencoder"), (tokenizer, "--tokenizer"), (start, "--start"),
        ] {
            try checkInput(url, option)
        }
        try checkOutput(folder: output, "--output")
        let blockChannels = network.blockChannels(shapes: shapes)
        let startModel = try start.map { try ModelFiles(contentsOf: $0) }
        let keptModel = try autoencoder.map { try ModelFiles(contentsOf: $0) } ?? startModel
        if let tokenizer { _ = try CLIPTokenizer(contentsOf: tokenizer) }
        let pictures = try data.map { try CaptionedPictures(contentsOf: $0) } ?? CaptionedPictures.shapes()
        try TeacherTrainer.check(
            pictures: pictures, autoencoder: keptModel?.autoencoderConfiguration() ?? .small(side: pictures.height),
            blockChannels: blockChannels, start: startModel)
        let run = try RunDirectory(
            output, resuming: starting.resume, allowingOtherFiles: starting.allowOtherFiles, in: group)
        settings.accumulatedParts = try run.accumulatedParts(processes.accumulate, in: group)
        try settings.validate()
        try run.claim()

        let tokenizerFolder = tokenizer ?? start?.appending(path: "tokenizer") ?? run.tokenizer
        if tokenizer == nil, start == nil {
            try run.learnTokenizer(from: pictures, mix: settings.captions, vocabularySize: network.vocabulary)
        }
        let autoencoder =
            try keptModel?.autoencoder()
            ?? trainAutoencoder(on: pictures, parts: settings.accumulatedParts, in: run, group)
        let trainer = try TeacherTrainer(
            pictures: pictures, autoencoder: autoencoder, tokenizer: CLIPTokenizer(contentsOf: tokenizerFolder),
            blockChannels: blockChannels, start: startModel, predictionType: network.predictionType ?? .epsilon,
            configuration: settings)
        (trainer.group, trainer.shardsOptimizer) = (group, processes.shardOptimizer)
        try starting.checkMemory(trainer.memoryByteCount * group.countOnHost, of: "this training")
        try run.begin(trainer)
        try run.savePrompts(of: pictures, sampledBy: settings.captions, seed: settings.seed)
        let scalarCount = trainer.scalarCount + autoencoder.parameters.scalarCount
        StandardError.write(line: "\(trainer.captions.count) pictures, \(scalarCount) parameters")
        func saveSheet() throws {
            let teacher = trainer.teacher(decodingWith: autoencoder, autoencoder: autoencoder)
            try run.saveSheet(of: teacher, step: trainer.stepCount, pictures: pictures)
            try RunReport(of: run.url).write(to: run.report)
        }
        let progress = ProgressBar(
            total: iterations, done: trainer.stepCount, picturesPerStep: batch, processes: group.count)
        try run.train(
            trainer, iterations: iterations, checkpointEvery: saveEvery, sheetEvery: sheetEvery,
            progress: { step in
                let numbers = String(format: "loss %.4f  x0 error %.3f", step.loss, step.originalError)
                progress.show(step: step.step, peakBytes: step.peakBytes, numbers)
            }, saveSheet: saveSheet)
        guard group.rank == 0 else { return }
        try RunReport(of: run.url).write(to: run.report)
        print(run.teacher.path)
    }
}
