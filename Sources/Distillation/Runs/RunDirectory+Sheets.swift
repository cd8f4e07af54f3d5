import DiffusionModels

extension RunDirectory {
    /// Generates the averaged student's image of each prompt, always from the same noise, and saves them as a sample grid in PNG.
    ///
    /// - Parameters:
    ///   - distiller: the distiller whose student is sampled.
    ///   - teacher: the model that the distiller was made from.
    ///   - prompts: at least one prompt; there are eight images per row.
    ///   - embeddings: embeddings of the prompts; nil to compute them with the text encoder.
    ///
    /// Throws what the file system throws, and `ModelError` for embeddings without one of the prompts.
    public func saveSheet(
        of distiller: Distiller, teacher: TextToImageModel, prompts: [String], embeddings: PromptEmbeddings? = nil
    ) throws {
        let pictures = try distiller.studentModel(of: teacher)
            .pictures(for: prompts, seed: 0, embeddings: embeddings)
        let text = ["prompts": prompts.joined(separator: "\n"), "step": "\(distiller.stepCount)"]
        try PNG.write(.grid(pictures, columns: 8), text: text, to: sheet(step: distiller.stepCount))
    }
}
