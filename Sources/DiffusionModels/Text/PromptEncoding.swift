/// How prompts become text embeddings, where that differs from the plain way: one window of tokens, all layers, no weights.
public struct PromptEncoding: Sendable, Equatable {
    /// How many of the text encoder's last layers are left out before the final normalisation: diffusers' `clip_skip`, 0 for none.
    public var skippedLayers = 0
    /// The most windows of a prompt: words beyond the last are cut.
    ///
    /// A window is what the text encoder reads at once: start, 75 tokens, end, and padding. The windows' embeddings stand one behind the
    /// other, so that a denoising network attends to 77 tokens for each. Prompts that are embedded together get equally many windows,
    /// shorter ones empty windows at the end, as Stable Diffusion web UI and diffusers' `lpw_stable_diffusion` do it.
    public var windowLimit = 1
    /// Whether parentheses, brackets and weights are read as ``WeightedPrompt`` has them.
    public var readsWeights = false

    /// The plain way.
    public init() {}

    /// The windows that long prompts may have when nothing else is said: 2,400 tokens.
    public static let longWindowLimit = 32

    /// What tells it from the plain way, empty for that.
    var description: String {
        var parts: [String] = []
        if skippedLayers > 0 { parts.append("without the last \(skippedLayers) layers") }
        if windowLimit > 1 { parts.append("up to \(windowLimit) windows a prompt") }
        if readsWeights { parts.append("with weights in parentheses") }
        return parts.joined(separator: ", ")
    }
}
