import DiffusionModels

extension Distiller {
    /// The averaged student as a complete model, with the teacher's tokenizer, text encoder and autoencoder.
    ///
    /// - Parameter teacher: the model that the distiller was made from.
    ///
    /// Throws ``DistillationError`` for a teacher of another architecture.
    public func studentModel(of teacher: TextToImageModel) throws -> TextToImageModel {
        guard teacher.network.parameters.hasShapes(of: student.network.parameters) else {
            throw DistillationError.invalidSetting(
                name: "teacher", expected: "the model that the distiller was made from",
                found: "one of another architecture")
        }
        var model = teacher
        if let adapters = studentAdapters {
            model.network = teacher.network.over(student.network.parameters.scope)
            try adapters.merge(into: &model)
        } else {
            model.network = teacher.network.over(average.parameters.scope)
        }
        model.oneStep = student.step
        var configuration = teacher.schedule.configuration
        configuration.predictionType = student.predictionType
        model.schedule = try NoiseSchedule(configuration)
        return model
    }

    /// The averaged student as a LoRA of the model it started from, with its timesteps; nil for a student of its own weights.
    ///
    /// Merged into that model, or into one fine-tuned from it, it makes a student of one step.
    public var studentAdapters: LowRankWeights? {
        student.adapters.map { LowRankWeights($0, values: average.parameters, oneStep: student.step) }
    }
}

extension TextToImageModel {
    /// A sample grid with the student's images below its teacher's, for the same prompts and seeds: pairs of rows, eight images wide.
    ///
    /// - Parameters:
    ///   - teacher: the teacher, sampled by DDIM, or Euler's method in flow matching, whatever its files name.
    ///   - prompts: at least one prompt.
    ///   - steps: the teacher's number of steps.
    ///   - guidanceScale: the teacher's guidance scale.
    ///   - seed: the seed of the first image; the others have the seeds after it.
    ///
    /// Throws `ModelError` when this model is not a student or `teacher` is one, and for no prompts.
    public func sheet(
        beside teacher: TextToImageModel, prompts: [String], steps: Int, guidanceScale: Double, seed: UInt64 = 0
    ) throws -> Picture {
        let columns = max(1, min(8, prompts.count))
        let teacher = try teacher.keepingEmbeddings(of: prompts + [""])
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try teacher.deterministicSampler())
        var sampler = try teacher.samples(for: prompts, settings, seed: seed)
        let above = try sampler.last().map { try teacher.pictures(from: $0.latents) } ?? []
        let below = try pictures(for: prompts, seed: seed)
        let rows = stride(from: 0, to: prompts.count, by: columns).map { $0..<min($0 + columns, prompts.count) }
        return try .grid(rows.flatMap { above[$0] + below[$0] }, columns: columns)
    }
}
