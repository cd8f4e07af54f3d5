import Autograd
import Tensor

extension TextToImageModel {
    /// Loads the tokenizer and the text encoder, and merges the adapters' text encoder weights.
    ///
    /// The model does not keep them in memory. Throws ``ModelError`` or `SafetensorsError` when the text encoder cannot be loaded.
    public func promptEncoder() throws -> PromptEncoder {
        try promptEncoder(of: checkpoint.textEncoder(), merging: textAdapters)
    }

    /// The identity of the model's tokenizer and text encoder, which distinguishes them from others. Throws as ``promptEncoder()``.
    func promptOrigin() throws -> PromptEmbeddings.Origin {
        try promptEncoder(of: checkpoint.uncheckedTextEncoder(), merging: textAdapters).origin
    }

    private func promptEncoder(
        of encoder: CLIPTextModel, merging adapters: [(adapter: LowRankWeights, weight: Float)]
    ) throws -> PromptEncoder {
        for (adapter, weight) in adapters {
            try adapter.merge(into: [.textEncoder: encoder.parameters], weight: weight)
        }
        var encoder = encoder
        if !inversions.isEmpty { encoder.addedEmbeddings = .concatenate(inversions.map(\.vectors), axis: 0) }
        return try PromptEncoder(tokenizer: tokenizer, textEncoder: encoder, encoding: promptEncoding)
    }

    /// Throws ``ModelError`` unless the model's text encoder supports ``promptEncoding``: the same check as when it is loaded,
    /// without loading it.
    public func checkPromptEncoding() throws {
        let configuration = try CLIPTextModel.Configuration(checkpoint.layout.fields(.textEncoder))
        _ = try promptEncoder(of: CLIPTextModel(configuration, in: ParameterSet().scope), merging: [])
    }

    /// The prompt encoding and textual inversions, as recorded in image files, where they differ from the defaults.
    public var promptRecord: [String: String] {
        var record: [String: String] = [:]
        if promptEncoding != PromptEncoding() { record["prompt encoding"] = promptEncoding.description }
        if !inversions.isEmpty {
            record["textual inversions"] = inversions.map { inversion in
                var hash = StableHash()
                hash.combine(inversion.vectors.scalars)
                return "\(inversion.token) (\(hash))"
            }.joined(separator: ", ")
        }
        return record
    }

    /// diffusers' warning about the truncated part of a prompt, nil if nothing is truncated; see ``promptEncoding``.
    public func truncationWarning(for prompt: String) -> String? {
        let text = promptEncoding.readsWeights ? WeightedPrompt(prompt).pieces.map(\.text).joined() : prompt
        return tokenizer.truncationWarning(for: text, windows: promptEncoding.windowLimit)
    }

    /// The embeddings of prompts. The text encoder is loaded for them and released afterwards.
    ///
    /// Throws as ``promptEncoder()``, and ``ModelError`` if `prompts` is empty.
    public func embeddings(for prompts: [String]) throws -> PromptEmbeddings {
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "embeddings(for:)", argument: "prompts", expected: "at least one", found: "none")
        }
        return try promptEncoder().embeddings(for: prompts)
    }

    /// The text embeddings of prompts, `[prompts, tokens, width]`, from `embeddings` or, if nil, from the text encoder.
    func conditions(for prompts: [String], in embeddings: PromptEmbeddings?) throws -> TextCondition {
        guard let embeddings else { return try self.embeddings(for: prompts).condition(for: prompts) }
        try embeddings.check(against: self)
        return try embeddings.condition(for: prompts)
    }
}
