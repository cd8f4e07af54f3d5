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
        let numbers = textEncoder.parameters.sample
        let tokens = "\(tokenizer.vocabularySize) tokens, \(tokenizer.maximumLength) a prompt"
        let marks = [tokenizer.startToken, tokenizer.endToken, tokenizer.paddingToken].map(String.init)
        let reading = tokenizer.readsPaddingTokenAsText ? ", which is text in prompts" : ""
        return PromptEmbeddings.Origin(
            tokenizer: "\(tokens), from \(marks[0]) to \(marks[1]), padded with \(marks[2])\(reading)",
            numbers: Tensor(numbers, shape: [numbers.count]))
    }
}
