import Tensor

extension TextToImageModel {
    /// The tokenizer and the text encoder, with the text encoder's share of merged adapters.
    ///
    /// The model does not keep them. Throws ``ModelError`` or `SafetensorsError` when the text encoder cannot be loaded.
    public func promptEncoder() throws -> PromptEncoder {
        try promptEncoder(of: checkpoint.textEncoder())
    }

    /// What tells the model's tokenizer and text encoder from others. Throws as ``promptEncoder()``.
    func promptOrigin() throws -> PromptEmbeddings.Origin {
        try promptEncoder(of: checkpoint.uncheckedTextEncoder()).origin
    }

    private func promptEncoder(of encoder: CLIPTextModel) throws -> PromptEncoder {
        for (adapter, weight) in textAdapters {
            try adapter.merge(into: [.textEncoder: encoder.parameters], weight: weight)
        }
        return PromptEncoder(tokenizer: tokenizer, textEncoder: encoder)
    }

    /// The embeddings of prompts. The text encoder is loaded for them and gone from memory afterwards.
    ///
    /// Throws as ``promptEncoder()``, and ``ModelError`` when there is no prompt.
    public func embeddings(for prompts: [String]) throws -> PromptEmbeddings {
        guard !prompts.isEmpty else {
            throw ModelError.invalidArgument(
                operation: "embeddings(for:)", argument: "prompts", expected: "at least one", found: "none")
        }
        return try promptEncoder().embeddings(for: prompts)
    }

    /// The text embeddings of prompts, `[prompts, tokens, width]`: from `embeddings`, or else from the text encoder.
    func conditions(for prompts: [String], in embeddings: PromptEmbeddings?) throws -> Tensor {
        guard let embeddings else { return try self.embeddings(for: prompts).values(for: prompts) }
        try embeddings.check(against: self)
        return try embeddings.values(for: prompts)
    }
}
