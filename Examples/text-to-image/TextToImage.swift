import ArgumentParser
import DiffusionModels
import Foundation
import Tensor

@main
struct TextToImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text-to-image",
        abstract: "Draws a prompt: in one step with a student, in several with a multi-step model.",
        discussion: """
            The last line on standard output has the file and the seconds for text encoder, denoising network and decoder.
            """)

    @Argument(help: "What the picture shows.") var prompt: String
    @Option(
        help:
            "A diffusers folder or a safetensors file. Default: the student in Examples/Models, with --steps the teacher."
    )
    var model: URL?
    @Option(help: "The folder of a tokenizer, which a single file lacks.") var tokenizer: URL?
    @Option(help: "What the network predicts: epsilon, v_prediction or sample. Default: what the model's files say.")
    var predictionType: PredictionType?
    @Option(help: "The PNG file to write; several pictures make a grid.") var output = URL(filePath: "out.png")
    @Option(help: "The seed of the first picture's noise; the next have the seeds after it.") var seed: UInt64 = 0
    @Option(help: "How many pictures.") var count = 1
    @Option(help: "Where to save the latents of the pictures, in the form of --latents.") var saveLatents: URL?
    @Option(help: "Prompt embeddings that were saved, instead of the text encoder.") var embeddings: URL?
    @Option(help: "Where to save the embeddings of prompt and negative prompt.") var saveEmbeddings: URL?
    @Option(help: "The folder of another decoder for the latents: an AutoencoderTiny (TAESD) or AutoencoderKL.")
    var vae: URL?
    @Option(help: "A LoRA file or folder to merge into the model, as FILE or FILE:WEIGHT; may be given more than once.")
    var lora: [WeightedAdapter] = []
    @Option(help: "Processor threads. Default: one a core.") var threads: Int?
    @Flag(help: "Convolve by the definition instead of Winograd's transform, which is faster and rounds more.")
    var exactConvolution = false
    @OptionGroup(title: "What to start from") var starting: StartOptions
    @OptionGroup(title: "Several steps") var sampling: SamplingOptions

    func validate() throws {
        for (name, number) in [("count", count), ("threads", threads ?? 1)] where number < 1 {
            throw ValidationError("--\(name): expected at least 1, found \(number)")
        }
        if starting.image != nil, sampling.steps == nil {
            throw ValidationError("--image needs --steps: a one-step student draws from noise")
        }
    }

    func run() throws {
        if let threads { ThreadPool.threadCount = threads }
        if exactConvolution { ConvolutionAlgorithm.current = .direct }
        let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models")
        let folder = model ?? models.appending(path: sampling.steps == nil ? "emoji-student" : "emoji-teacher")
        report("loading \(folder.path)")
        var model = try TextToImageModel(contentsOf: folder, tokenizer: tokenizer, predictionType: predictionType)
        for adapter in lora {
            try LowRankWeights(contentsOf: adapter.file).merge(into: &model, weight: adapter.weight)
        }
        if let vae { model.decoder = try ModelCheckpoint.latentDecoder(contentsOf: vae) }
        for text in [prompt, sampling.negativePrompt] {
            if let warning = model.tokenizer.truncationWarning(for: text ?? "") { report(warning) }
        }

        let (prompts, start) = (Array(repeating: prompt, count: count), try starting.start(for: model))
        var (text, network, decoder) = (0.0, 0.0, 0.0)
        let embedded = try timed(&text) {
            try embeddings.map(PromptEmbeddings.init(contentsOf:))
                ?? model.embeddings(for: [prompt, sampling.negativePrompt ?? ""])
        }
        if let saveEmbeddings { try embedded.save(to: saveEmbeddings) }
        let drawn = try timed(&network) {
            guard sampling.steps != nil else {
                report("one step")
                return try model.latents(for: prompts, seed: seed, start: start, embeddings: embedded)
            }
            let steps = try sampling.samples(of: model, prompts, seed: seed, start: start, embeddings: embedded)
            return try steps.reduce(Tensor(0)) { _, step in
                report("step \(step.index + 1) of \(step.total)")
                if let preview = sampling.preview(of: step, beside: output) {
                    try PNG.write(.grid(model.pictures(from: step.predictedOriginal)), to: preview)
                }
                return step.latents
            }
        }
        if let saveLatents { try LatentsFile.write(drawn, to: saveLatents) }
        let picture = Picture.grid(timed(&decoder) { model.pictures(from: drawn) })
        try PNG.write(picture, text: record(folder), to: output)
        let seconds = String(format: "text %.3f s, network %.3f s, decoder %.3f s", text, network, decoder)
        print("\(output.relativePath): \(seconds)")
    }

    /// What the picture can be drawn again from.
    private func record(_ folder: URL) -> [String: String] {
        var record = sampling.record.merging(starting.record) { $1 }
        record["prompt"] = prompt
        record["seed"] = "\(seed)"
        record["model"] = folder.lastPathComponent
        record["Software"] = "SwiftBrush \(SwiftBrush.version)"
        record["vae"] = vae?.lastPathComponent
        record["lora"] = lora.isEmpty ? nil : lora.map(\.description).joined(separator: "\n")
        return record
    }

    private func report(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    private func timed<Result>(_ seconds: inout Double, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { seconds = (ContinuousClock.now - start) / .seconds(1) }
        return try body()
    }
}
