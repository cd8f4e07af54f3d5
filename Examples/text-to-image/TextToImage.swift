import ArgumentParser
import Autograd
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

    @Argument(help: "What the picture shows.")
    var prompt: String

    @Option(
        help: "A model in the diffusers layout. Default: the student in Examples/Models, or the teacher with --steps.")
    var model: String?

    @Option(help: "The PNG file to write; several pictures make a grid.")
    var output = "out.png"

    @Option(help: "The seed of the first picture's noise; the next have the seeds after it.")
    var seed: UInt64 = 0

    @Option(help: "How many pictures.")
    var count = 1

    @Option(help: "Steps of the DDIM sampler, for multi-step models.")
    var steps: Int?

    @Option(help: "How strongly the sampler follows the prompt: 1 is no guidance. Only with --steps.")
    var guidanceScale: Double?

    @Option(help: "The folder of another decoder for the latents: an AutoencoderTiny (TAESD) or AutoencoderKL.")
    var vae: String?

    @Option(help: "A LoRA file or folder to merge into the model; may be given more than once.")
    var lora: [String] = []

    @Option(help: "Processor threads. Default: one a core.")
    var threads: Int?

    func validate() throws {
        if count < 1 { throw ValidationError("--count: expected at least 1, found \(count)") }
        if let threads, threads < 1 { throw ValidationError("--threads: expected at least 1, found \(threads)") }
        if steps == nil, guidanceScale != nil {
            throw ValidationError("--guidance-scale needs --steps: a one-step student has its guidance built in")
        }
    }

    func run() throws {
        if let threads { ThreadPool.threadCount = threads }
        let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models")
        let folder =
            model.map { URL(filePath: $0) }
            ?? models.appending(path: steps == nil ? "emoji-student" : "emoji-teacher")
        report("loading \(folder.path)")
        var model = try TextToImageModel(contentsOf: folder)
        for file in lora { try LowRankWeights(contentsOf: URL(filePath: file)).merge(into: model) }
        if let vae { model.decoder = try ModelDirectory.latentDecoder(contentsOf: URL(filePath: vae)) }

        let prompts = Array(repeating: prompt, count: count)
        var text = 0.0
        var network = 0.0
        let latents: Tensor
        if let steps {
            let sampler = try timed(&text) {
                try model.samples(for: prompts, steps: steps, guidanceScale: guidanceScale ?? 4.5, seed: seed)
            }
            latents = timed(&network) {
                sampler.reduce(Tensor(0)) { _, step in
                    report("step \(step.index + 1) of \(step.total)")
                    return step.latents
                }
            }
        } else {
            guard let student = model.student else { throw ModelError.notOneStepModel(path: folder.path) }
            let condition = timed(&text) { model.embeddings(for: prompts) }
            let noise = model.startingLatents(count: count, seed: seed).latents
            latents = timed(&network) { student.generate(from: Variable(noise), given: condition).value }
            report("one step")
        }
        var decoder = 0.0
        let pictures = timed(&decoder) { model.pictures(from: latents) }
        let columns = Int(Double(count).squareRoot().rounded(.up))
        try PNG.write(
            count == 1 ? pictures[0] : .grid(pictures, columns: columns),
            text: [
                "prompt": prompt, "seed": "\(seed)", "model": folder.lastPathComponent,
                "steps": "\(steps ?? 1)", "Software": "SwiftBrush \(SwiftBrush.version)",
            ], to: URL(filePath: output))
        print(
            output, String(format: "text %.3f s, network %.3f s, decoder %.3f s", text, network, decoder),
            separator: ": ")
    }

    private func report(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    private func timed<Result>(_ seconds: inout Double, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { seconds = (ContinuousClock.now - start) / .seconds(1) }
        return try body()
    }
}
