/// Options for encoding prompts. The default is one window of tokens, all layers of the text encoder, and no prompt weights.
public struct PromptEncoding: Sendable, Equatable {
    /// The number of last text encoder layers to skip before the final normalisation: diffusers' `clip_skip`, 0 for none.
    public var skippedLayers = 0
    /// The maximum number of windows per prompt. Text beyond the last window is truncated.
    ///
    /// A window is one input of the text encoder: start, 75 tokens, end, and padding. The embeddings of the windows are concatenated, so
    /// that a denoising network attends to 77 tokens per window. Prompts that are embedded together get the same number of windows;
    /// shorter ones end with empty windows, as in Stable Diffusion web UI and diffusers' `lpw_stable_diffusion`.
    public var windowLimit = 1
    /// Whether parentheses, brackets and weights in prompts are interpreted, see `Documentation/Checkpoints.md`.
    public var readsWeights = false

    /// The default options.
    public init() {}

    /// The default limit of windows for long prompts: 2,400 tokens.
    public static let longWindowLimit = 32

    /// The options that differ from the default, as a phrase; empty for the default.
    var description: String {
        var parts: [String] = []
        if skippedLayers > 0 { parts.append("without the last \(skippedLayers) layers") }
        if windowLimit > 1 { parts.append("up to \(windowLimit) windows a prompt") }
        if readsWeights { parts.append("with weights in parentheses") }
        return parts.joined(separator: ", ")
    }
}
