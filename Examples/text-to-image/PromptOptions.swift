import ArgumentParser
import DiffusionModels
import Foundation

/// How prompts are read.
struct PromptOptions: ParsableArguments {
    @Option(
        help:
            "A textual inversion to use in prompts, as FILE or FILE:TOKEN for another token than the file's; may be given more than once."
    )
    var textualInversion: [NamedInversion] = []
    @Flag(help: "Read all of a prompt, in windows of 75 tokens, instead of the first 75 alone.") var longPrompts = false
    @Flag(
        help:
            "Read weights in prompts: (word) 1.1, ((word)) 1.21, [word] 1/1.1, (word:1.3) 1.3, and \\( as a parenthesis."
    )
    var promptWeights = false
    @Option(help: "How many of the text encoder's last layers to leave out, as diffusers' clip_skip.") var clipSkip:
        Int?

    func validate() throws {
        if let clipSkip, clipSkip < 0 { throw ValidationError("--clip-skip: expected at least 0, found \(clipSkip)") }
    }

    /// Sets how a model reads prompts; checked here, before any work.
    func apply(to model: inout TextToImageModel) throws {
        model.promptEncoding.skippedLayers = clipSkip ?? 0
        model.promptEncoding.windowLimit = longPrompts ? PromptEncoding.longWindowLimit : 1
        model.promptEncoding.readsWeights = promptWeights
        try model.checkPromptEncoding()
        for inversion in textualInversion {
            try model.add(TextualInversion(contentsOf: inversion.file, token: inversion.token))
        }
    }
}

/// A textual inversion's file and the token that stands for it: `FILE` or `FILE:TOKEN`.
struct NamedInversion: ExpressibleByArgument {
    let file: URL
    let token: String?

    init(argument: String) {
        guard !FileManager.default.fileExists(atPath: argument), let colon = argument.lastIndex(of: ":") else {
            (file, token) = (URL(filePath: argument), nil)
            return
        }
        (file, token) = (URL(filePath: String(argument[..<colon])), String(argument[argument.index(after: colon)...]))
    }
}
