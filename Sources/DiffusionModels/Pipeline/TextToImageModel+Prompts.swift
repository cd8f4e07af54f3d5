import Autograd
import Tensor

extension TextToImageModel {
    /// The tokenizer and the text encoder, with the text encoder's share of merged adapters.
    ///
    /// The model does not keep them. Throws ``ModelError`` or `SafetensorsError` when the text encoder cannot be loaded.
    public func promptEncoder() throws -> PromptEncoder {
        try promptEncoder(of: checkpoint.textEncoder(), merging: textAdapters)
    }

    /// What tells the model's tokenizer and text encoder from others. Throws as ``promptEncoder()``.
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

    /// Throws ``ModelError`` unless the model's text encoder can read prompts as ``promptEncoding`` has it: the check that loading it makes,
    /// without loading it.
    public func checkPromptEncoding() throws {
        let configuration = try CLIPTextModel.Configuration(checkpoint.layout.fields(.textEncoder))
        _ = try promptEncoder(of: CLIPTextModel(configuration, in: ParameterSet().scope), merging: [])
    }

    /// What pictures' files record of how prompts are read, where it is not the plain way.
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

    /// diffusers' sentence on the part of a prompt that is cut, nil when nothing is; see ``promptEncoding``.
    public func truncationWarning(for prompt: String) -> String? {
        let text = promptEncoding.readsWeights ? WeightedPrompt(prompt).pieces.map(\.text).joined() : prompt
        return tokenizer.truncationWarning(for: text, windows: promptEncoding.windowLimit)
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
