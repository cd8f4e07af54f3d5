import ArgumentParser
import DiffusionModels
import Distillation
import Foundation
import Training

/// Trains a teacher.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Trains a small text-to-image model on captioned pictures: autoencoder, text encoder, denoising network.")

    @Argument(help: "A folder of PNG or JPEG files with metadata.jsonl, as Scripts/emoji-data writes it.") var data:
        String?
    @Flag(help: "Shapes drawn in code instead of a folder.") var shapes = false
    @Option(help: "The run's folder: settings, metrics, sheets, checkpoints, and teacher/.") var output: String
    @Option(help: "A model whose autoencoder is kept. Default: one is trained first.") var autoencoder: String?
    @Option(help: "The folder of a tokenizer. Default: one is learned from the captions.") var tokenizer: String?
    @Option(help: "A teacher whose weights the training starts from, with its autoencoder and tokenizer.")
    var start: String?
    @Option(help: "Steps to take in all.") var iterations = TeacherTrainingConfiguration().iterations
    @Option(help: "The autoencoder's steps.")
    var autoencoderIterations = AutoencoderTrainingConfiguration().iterations
    @Option(help: "Pictures a step.") var batch = TeacherTrainingConfiguration().batchSize
    @Option(help: "AdamW's largest step size.") var learningRate = TeacherTrainingConfiguration().learningRate
    @Option(help: "The largest decay of the moving average.")
    var averageDecay = TeacherTrainingConfiguration().averageDecay
    @Option(
        parsing: .upToNextOption,
        help: "The denoising network's widths, outermost block first. Default: 64 128 176; of shapes 48 96.")
    var channels: [Int] = []
    @Option(help: "The most tokens of a learned tokenizer.") var vocabulary = 2560
    @Option(help: "The seed of everything random.") var seed: UInt64 = 0
    @Option(help: "Steps between two checkpoints.") var saveEvery = 250
    @Option(help: "Steps between two sheets.") var sheetEvery = 1000
    @Flag(help: "Go on with the run in the output folder.") var resume = false

    func validate() throws {
        if (data == nil) != shapes { throw ValidationError("expected a folder or --shapes, and not both") }
        if saveEvery < 1 { throw ValidationError("--save-every: expected at least 1, found \(saveEvery)") }
        if sheetEvery < 1 { throw ValidationError("--sheet-every: expected at least 1, found \(sheetEvery)") }
        if vocabulary < 514 { throw ValidationError("--vocabulary: expected at least 514, found \(vocabulary)") }
    }

    func run() throws {
        let pictures = try data.map { try CaptionedPictures(contentsOf: URL(filePath: $0)) } ?? .shapes()
        let run = try RunDirectory(URL(filePath: output), resuming: resume)
        var settings = TeacherTrainingConfiguration()
        (settings.iterations, settings.batchSize, settings.seed) = (iterations, batch, seed)
        (settings.learningRate, settings.averageDecay) = (learningRate, averageDecay)

        let tokenizerFolder = (tokenizer ?? start.map { "\($0)/tokenizer" }).map { URL(filePath: $0) } ?? run.tokenizer
        if tokenizerFolder == run.tokenizer {
            try CLIPTokenizer.learn(
                from: pictures.captions.flatMap { settings.captions.vocabulary(of: $0) }, vocabularySize: vocabulary,
                maximumLength: 20, to: run.tokenizer)
        }
        let kept = try (autoencoder ?? start).map { try ModelCheckpoint(contentsOf: URL(filePath: $0)).autoencoder() }
        let autoencoder = try kept ?? trainAutoencoder(on: pictures, in: run)
        let trainer = try TeacherTrainer(
            pictures: pictures, autoencoder: autoencoder, tokenizer: CLIPTokenizer(contentsOf: tokenizerFolder),
            blockChannels: channels.isEmpty ? shapes ? [48, 96] : [64, 128, 176] : channels,
            start: start.map { try ModelCheckpoint(contentsOf: URL(filePath: $0)) },
            configuration: settings)
        try run.begin(trainer)
        try run.savePrompts(of: pictures, drawnBy: settings.captions, seed: settings.seed)
        say(
            "\(trainer.captions.count) pictures, \(trainer.scalarCount + autoencoder.parameters.scalarCount) parameters"
        )
        func saveSheet() throws {
            let teacher = trainer.teacher(with: autoencoder, tokenizerFolder: tokenizerFolder)
            try run.saveSheet(of: teacher, step: trainer.stepCount, pictures: pictures)
            try RunReport(of: run.url).write(to: run.report)
        }
        let progress = ProgressBar(total: iterations, done: trainer.stepCount, picturesPerStep: batch)
        try run.train(
            trainer, iterations: iterations, checkpointEvery: saveEvery, sheetEvery: sheetEvery,
            progress: { step in
                let numbers = String(format: "loss %.4f  x0 error %.3f", step.loss, step.originalError)
                progress.show(step: step.step, peakBytes: step.peakBytes, numbers)
            }, saveSheet: saveSheet)
        try RunReport(of: run.url).write(to: run.report)
        print(run.teacher.path)
    }

    /// Trains an autoencoder in a run of its own inside the run, or goes on with it.
    private func trainAutoencoder(on pictures: CaptionedPictures, in run: RunDirectory) throws -> AutoencoderKL {
        var settings = AutoencoderTrainingConfiguration()
        (settings.iterations, settings.seed) = (autoencoderIterations, seed)
        let trainer = try AutoencoderTrainer(pictures: pictures, configuration: settings)
        let run = try RunDirectory(run.autoencoder, resuming: resume)
        try run.begin(trainer)
        let progress = ProgressBar(
            total: settings.iterations, done: trainer.stepCount, picturesPerStep: settings.batchSize)
        try run.train(
            trainer, iterations: settings.iterations, checkpointEvery: saveEvery, sheetEvery: sheetEvery,
            progress: { step in
                let numbers = String(format: "autoencoder %.4f  %.1f dB", step.loss, step.peakSignalToNoise)
                progress.show(step: step.step, peakBytes: step.peakBytes, numbers)
            },
            saveSheet: { try run.saveSheet(of: trainer.averaged, step: trainer.stepCount, pictures: pictures) })
        return try trainer.trained()
    }

    private func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
