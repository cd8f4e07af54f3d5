import Tensor

/// Tokenizer and text encoder of a model, in memory as long as this value is: hold it to encode many prompts, let go of it
/// when they are encoded.
public struct PromptEncoder {
    /// From prompts to token ids.
    public let tokenizer: CLIPTokenizer
    /// From token ids to text embeddings.
    public let textEncoder: CLIPTextModel

    /// Both parts; the tokenizer's ids must be the encoder's.
    public init(tokenizer: CLIPTokenizer, textEncoder: CLIPTextModel) {
        (self.tokenizer, self.textEncoder) = (tokenizer, textEncoder)
    }

    /// The embeddings of prompts; each is encoded once, however often it stands in the list.
    public func embeddings(for prompts: [String]) -> PromptEmbeddings {
        precondition(!prompts.isEmpty, "PromptEncoder: expected at least one prompt, found none")
        var seen: Set<String> = []
        let unique = prompts.filter { seen.insert($0).inserted }
        let chunk = 64
        let parts = stride(from: 0, to: unique.count, by: chunk).map { start in
            textEncoder(unique[start..<min(start + chunk, unique.count)].map { tokenizer.encode($0) }).value
        }
        return PromptEmbeddings(prompts: unique, values: .concatenate(parts, axis: 0), origin: origin)
    }

    /// What tells this encoder from others.
    var origin: PromptEmbeddings.Origin {
        let numbers = textEncoder.parameters.all.flatMap { parameter in
            parameter.value.gathered(rows: [parameter.shape[0] / 2]).scalars.prefix(4)
        }
        let tokens = "\(tokenizer.vocabularySize) tokens, \(tokenizer.maximumLength) a prompt"
        let marks = [tokenizer.startToken, tokenizer.endToken, tokenizer.paddingToken].map(String.init)
        let reading = tokenizer.readsPaddingTokenAsText ? ", which is text in prompts" : ""
        return PromptEmbeddings.Origin(
            tokenizer: "\(tokens), from \(marks[0]) to \(marks[1]), padded with \(marks[2])\(reading)",
            numbers: Tensor(numbers, shape: [numbers.count]))
    }
}

extension TextToImageModel {
    /// The tokenizer and the text encoder, with the text encoder's share of merged adapters.
    ///
    /// The model does not keep them. Throws ``ModelError`` or `SafetensorsError` when the text encoder cannot be loaded.
    public func promptEncoder() throws -> PromptEncoder {
        let encoder = try checkpoint.textEncoder()
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
