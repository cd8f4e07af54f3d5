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

    /// The embeddings of prompts: those that the model keeps, if it keeps them all. Otherwise the text encoder is loaded for them and
    /// released afterwards.
    ///
    /// Throws as ``promptEncoder()``, and ``ModelError`` if `prompts` is empty.
    public func embeddings(for prompts: [String]) throws -> PromptEmbeddings {
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "embeddings(for:)", argument: "prompts", expected: "at least one", found: "none")
        }
        if let keptEmbeddings, keptEmbeddings.contains(prompts) { return keptEmbeddings }
        return try promptEncoder().embeddings(for: prompts)
    }

    /// The model, which keeps these embeddings: the text encoder is not loaded for their prompts.
    ///
    /// Throws ``ModelError`` unless the model's tokenizer and text encoder computed them.
    public func keeping(_ embeddings: PromptEmbeddings) throws -> TextToImageModel {
        try embeddings.check(against: self)
        var model = self
        model.keptEmbeddings = embeddings
        return model
    }

    /// The model, which keeps the embeddings of these prompts. Throws as ``embeddings(for:)``.
    public func keepingEmbeddings(of prompts: [String]) throws -> TextToImageModel {
        var model = self
        model.keptEmbeddings = try embeddings(for: prompts)
        return model
    }

    /// The conditions of prompts, in their order.
    func conditions(for prompts: [String]) throws -> TextCondition {
        try embeddings(for: prompts).condition(for: prompts)
    }
}
