extension TextToImageModel {
    /// The embeddings of prompts: those that the model keeps, if it keeps them all. Otherwise the text encoder is loaded for them and
    /// released afterwards.
    ///
    /// Throws ``ModelError`` if `prompts` is empty, and what the text encoder throws.
    public func embeddings(for prompts: [String]) throws -> PromptEmbeddings {
        if let keptEmbeddings, !prompts.isEmpty, keptEmbeddings.contains(prompts) { return keptEmbeddings }
        return try textEncoder.embeddings(for: prompts)
    }

    /// The model, which keeps these embeddings: the text encoder is not loaded for their prompts.
    ///
    /// Throws ``ModelError`` unless the model's text encoder computed them.
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
