import DiffusionModels

extension Distiller {
    /// The averaged student as a complete model: the teacher's tokenizer, text encoder and autoencoder around it.
    ///
    /// - Parameter teacher: the model that the distiller was made from.
    public func studentModel(of teacher: TextToImageModel) -> TextToImageModel {
        var model = teacher
        model.unet = UNet2DConditionModel(teacher.unet.configuration, in: average.parameters.scope)
        model.oneStep = student.step
        var configuration = teacher.schedule.configuration
        configuration.predictionType = student.predictionType
        model.schedule = NoiseSchedule(configuration)
        return model
    }
}

extension TextToImageModel {
    /// A student's pictures below its teacher's, on the same prompts and seeds: rows in pairs, eight pictures wide.
    ///
    /// - Parameters:
    ///   - teacher: sampled by DDIM, whatever its files name.
    ///   - prompts: at least one.
    ///   - steps: the teacher's.
    ///   - guidanceScale: the teacher's.
    ///   - seed: of the first picture; the next have the seeds after it.
    ///   - embeddings: where the prompts' embeddings, and the empty prompt's, are taken from; nil to load the text encoder
    ///     for them.
    ///
    /// Throws `ModelError` when this is no student or `teacher` is one.
    public func sheet(
        beside teacher: TextToImageModel, prompts: [String], steps: Int, guidanceScale: Double, seed: UInt64 = 0,
        embeddings: PromptEmbeddings? = nil
    ) throws -> Picture {
        let columns = min(8, prompts.count)
        let text = try embeddings ?? teacher.embeddings(for: prompts + [""])
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try DDIMSampler(teacher.schedule))
        var sampler = try teacher.samples(for: prompts, settings, seed: seed, embeddings: text)
        let above = try sampler.last().map { try teacher.pictures(from: $0.latents) } ?? []
        let below = try pictures(for: prompts, seed: seed, embeddings: text)
        let rows = stride(from: 0, to: prompts.count, by: columns).map { $0..<min($0 + columns, prompts.count) }
        return .grid(rows.flatMap { above[$0] + below[$0] }, columns: columns)
    }
}
