import ArgumentParser
import DiffusionModels
import Foundation

/// The options of prompt encoding.
struct PromptOptions: ParsableArguments {
    @Option(
        help:
            "A textual inversion to use in prompts, as FILE, or FILE:TOKEN for another token than the file's; may be repeated."
    )
    var textualInversion: [NamedInversion] = []
    @Flag(help: "Encode whole prompts in windows of 75 tokens, not only the first 75 tokens.") var longPrompts = false
    @Flag(
        help:
            "Parse weights in prompts: (word) 1.1, ((word)) 1.21, [word] 1/1.1, (word:1.3) 1.3; \\( is a parenthesis."
    )
    var promptWeights = false
    @Option(help: "How many of the text encoder's last layers to skip, as diffusers' clip_skip.") var clipSkip: Int?

    func validate() throws {
        if let clipSkip, clipSkip < 0 { throw ValidationError("--clip-skip: expected at least 0, found \(clipSkip)") }
    }

    /// The text encoder of a model's files with these options.
    func encoder(of files: ModelFiles) throws -> any TextEncoder {
        var encoding = PromptEncoding()
        encoding.skippedLayers = clipSkip ?? 0
        encoding.windowLimit = longPrompts ? PromptEncoding.longWindowLimit : 1
        encoding.readsWeights = promptWeights
        let inversions = try textualInversion.map { try TextualInversion(contentsOf: $0.file, token: $0.token) }
        return try files.promptEncoder(encoding, inversions: inversions)
    }
}

/// A textual inversion's file and optionally its token: `FILE` or `FILE:TOKEN`.
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
