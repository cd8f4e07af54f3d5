import DiffusionModels

extension RunDirectory {
    /// Draws the averaged student's picture of each prompt, always from the same noise, and saves them as one PNG file.
    ///
    /// - Parameters:
    ///   - distiller: whose student.
    ///   - teacher: the model that the distiller was made from.
    ///   - prompts: at least one; eight stand in a row.
    ///   - embeddings: where the prompts' embeddings are taken from; nil to load the text encoder for them.
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
