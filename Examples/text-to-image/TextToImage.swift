import ArgumentParser
import DiffusionModels
import Foundation
import Tensor

@main
struct TextToImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text-to-image",
        abstract: "Draws a prompt, or many: in one step with a student, in several with a multi-step model.",
        discussion: """
            The last line on standard output has the file and the seconds for text encoder, denoising network and decoder; of many \
            pictures, the folder and the seconds that each took.
            """)

    @Argument(help: "What the picture shows.") var prompt: String?
    @Option(help: "The PNG file to write; several pictures make a grid. Default: out.png. With --prompts the folder.")
    var output: URL?
    @Option(help: "The seed of the first picture's noise; the next have the seeds after it.") var seed: UInt64 = 0
    @Option(help: "How many pictures of each prompt.") var count = 1
    @Option(help: "Where to save the latents of the pictures, in the form of --latents.") var saveLatents: URL?
    @Option(help: "Prompt embeddings that were saved, instead of the text encoder.") var embeddings: URL?
    @Option(help: "Where to save the embeddings of prompt and negative prompt.") var saveEmbeddings: URL?
    @OptionGroup var models: ModelOptions
    @OptionGroup(title: "What to start from") var starting: StartOptions
    @OptionGroup(title: "Several steps") var sampling: SamplingOptions
    @OptionGroup(title: "Between two pictures") var interpolation: InterpolationOptions
    @OptionGroup(title: "Many prompts") var many: ManyPictures

    func validate() throws {
        if count < 1 { throw ValidationError("--count: expected at least 1, found \(count)") }
        if (prompt == nil) == (many.prompts == nil) {
            throw ValidationError("expected a prompt or --prompts FILE, and not both")
        }
        if sampling.steps != nil, models.untrainedStudent || interpolation.isAsked {
            throw ValidationError(
                "--untrained-student, --to-seed and --to-prompt are for one step: expected no --steps")
        }
        if starting.image != nil, sampling.steps == nil {
            throw ValidationError("--image needs --steps: a one-step student draws from noise")
        }
        if interpolation.isAsked, count < 2 || starting.latents != nil {
            throw ValidationError("--to-seed and --to-prompt need --count of at least 2, and no --latents")
        }
        guard many.prompts != nil else { return }
        if output == nil { throw ValidationError("--prompts needs --output FOLDER") }
        let single: [(name: String, isGiven: Bool)] = [
            ("latents", starting.latents != nil), ("image", starting.image != nil),
            ("to-seed or --to-prompt", interpolation.isAsked),
            ("preview-every", sampling.previewEvery != nil), ("save-latents", saveLatents != nil),
            ("embeddings", embeddings != nil), ("save-embeddings", saveEmbeddings != nil),
        ]
        if let name = single.first(where: { $0.isGiven })?.name {
            throw ValidationError("--\(name) is for a single prompt: expected no --prompts")
        }
    }

    func run() throws {
        if let threads = models.threads { ThreadPool.threadCount = threads }
        if let packedWeights = models.packedWeights { PackedWeights.budget = Int(packedWeights * 0x1p30) }
        if models.exactConvolution { ConvolutionAlgorithm.current = .direct }
        if let prompts = many.prompts, let output {
            try drawFolder(of: PromptFile.read(prompts), in: output)
        } else if let prompt {
            try draw(prompt, to: output ?? URL(filePath: "out.png"))
        }
    }

    func report(_ line: String) { show("\(line)\n") }

    func show(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    func timed<Result>(_ seconds: inout Double, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { seconds = (ContinuousClock.now - start) / .seconds(1) }
        return try body()
    }
}
