import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import Tensor

@main
struct TextToImage: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "text-to-image",
        abstract: "Generates images of prompts: in one step with a student, in several with a multi-step model.",
        discussion: """
            The last line on standard output contains the file and the seconds for text encoder, denoising network and decoder; with \
            --prompts, the folder and the seconds per image.
            """)

    @Argument(help: "The prompt.") var prompt: String?
    @Option(help: "The PNG file to write, a grid of all images. Default: out.png. With --prompts, the folder.")
    var output: URL?
    @OptionGroup var seeds: SeedOptions
    @Option(help: "Images per prompt, with consecutive seeds.") var count = 1
    @Option(help: "Save the images' latents to this file, in the format of --latents.") var saveLatents: URL?
    @Option(help: "Use saved prompt embeddings instead of the text encoder.") var embeddings: URL?
    @Option(help: "Save the embeddings of prompt and negative prompt to this file.") var saveEmbeddings: URL?
    @OptionGroup var models: ModelOptions
    @OptionGroup(title: "Starting point") var starting: StartOptions
    @OptionGroup(title: "Multi-step sampling") var sampling: SamplingOptions
    @OptionGroup(title: "Interpolation") var interpolation: InterpolationOptions
    @OptionGroup(title: "Many prompts") var many: ManyPictures
    @OptionGroup(title: "Computation") var computation: ComputationOptions

    static let renamedOptions = ["method": "sampler"]

    func validate() throws {
        try check("--count", count, in: 1...(many.prompts == nil ? 4096 : 10_000_000))
        if (prompt == nil) == (many.prompts == nil) {
            throw ValidationError("expected a prompt or --prompts FILE, and not both")
        }
        if sampling.steps != nil, models.untrainedStudent || interpolation.isGiven {
            throw ValidationError(
                "--untrained-student, --to-seed and --to-prompt generate in one step: expected no --steps")
        }
        if starting.image != nil, sampling.steps == nil {
            throw ValidationError("--image needs --steps: a one-step student generates from noise")
        }
        if interpolation.isGiven, count < 2 || starting.latents != nil {
            throw ValidationError("--to-seed and --to-prompt need --count of at least 2, and no --latents")
        }
        guard many.prompts != nil else { return }
        if output == nil { throw ValidationError("--prompts needs --output FOLDER") }
        let single: [(name: String, isGiven: Bool)] = [
            ("latents", starting.latents != nil), ("image", starting.image != nil),
            ("to-seed or --to-prompt", interpolation.isGiven),
            ("preview-every", sampling.previewEvery != nil), ("save-latents", saveLatents != nil),
            ("embeddings", embeddings != nil), ("save-embeddings", saveEmbeddings != nil),
        ]
        if let name = single.first(where: { $0.isGiven })?.name {
            throw ValidationError("--\(name) is for a single prompt: expected no --prompts")
        }
    }

    static let optionNames = ["steps": "steps", "height": "height", "width": "width", "strength": "strength"]

    var seed: UInt64 { seeds.value }

    /// The options of model and computation as recorded in image files.
    func recorded(_ model: URL) -> [String: String] {
        var record = models.record(model)
        record["precision"] = computation.recordedPrecision?.summary
        return record
    }

    /// Checks all files that the options name, before the model is loaded.
    private func checkPaths() throws {
        let read = [
            (many.prompts, "--prompts"), (embeddings, "--embeddings"), (models.model, "--model"),
            (models.tokenizer, "--tokenizer"), (models.vae, "--vae"), (starting.latents, "--latents"),
            (starting.image, "--image"), (starting.mask, "--mask"),
        ]
        for (url, option) in read { try checkInput(url, option) }
        for adapter in models.lora { try checkInput(adapter.file, "--lora") }
        try checkOutput(file: saveLatents, "--save-latents")
        try checkOutput(file: saveEmbeddings, "--save-embeddings")
        if many.prompts == nil { try checkOutput(file: file, "--output") }
    }

    /// The output file of a single prompt.
    private var file: URL { output ?? URL(filePath: "out.png") }

    func run() throws {
        try checkPaths()
        if let packedWeights = models.packedWeights { PackedWeights.budget = Int(packedWeights * 0x1p30) }
        if models.exactConvolution { ConvolutionAlgorithm.current = .direct }
        if let prompts = many.prompts, let output {
            let lines = try PromptFile.read(prompts)
            try checkOutput(folder: output, "--output")
            try generateFolder(of: lines, in: output)
        } else if let prompt {
            try generate(prompt, to: file)
        }
    }

    func timed<Result>(_ seconds: inout Double, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { seconds = (ContinuousClock.now - start) / .seconds(1) }
        return try body()
    }
}
