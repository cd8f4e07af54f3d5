import DiffusionModels
import Tensor

extension TeacherPairs {
    /// Noise with the pictures that a teacher makes of it by DDIM, as DMD and ODE regression are given: whatever sampler
    /// the teacher's files name, since pairs need one that adds no noise.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - prompts: the training set's, used in turn.
    ///   - count: how many pairs.
    ///   - steps: the sampler's.
    ///   - guidanceScale: the teacher's; 1 and below is none.
    ///   - seed: of the first pair; the next have the seeds after it.
    ///   - embeddings: where the prompts' embeddings, and the empty prompt's, are taken from; nil to load the text encoder
    ///     for them.
    ///
    /// Throws `ModelError` for a one-step student or an argument out of range.
    public init(
        generatedBy teacher: TextToImageModel, prompts: [String], count: Int, steps: Int, guidanceScale: Double,
        seed: UInt64, embeddings: PromptEmbeddings? = nil
    ) throws {
        let text = try embeddings ?? teacher.embeddings(for: prompts + [""])
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try DDIMSampler(teacher.schedule))
        let chunk = 16
        var (noise, pictures): ([Tensor], [Tensor]) = ([], [])
        for start in stride(from: 0, to: count, by: chunk) {
            let indices = start..<min(start + chunk, count)
            let first = seed &+ UInt64(start)
            noise.append(teacher.startingLatents(count: indices.count, seed: first).latents)
            var sampler = try teacher.samples(
                for: indices.map { prompts[$0 % prompts.count] }, settings, seed: first, embeddings: text)
            if let last = try sampler.last() { pictures.append(last.latents) }
        }
        // Lines that say the same are one prompt, as in pairs that are read.
        let places = Dictionary(prompts.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        self.init(
            noise: .concatenate(noise, axis: 0), pictures: .concatenate(pictures, axis: 0),
            prompts: (0..<count).map { places[prompts[$0 % prompts.count]] ?? $0 % prompts.count })
    }
}

extension DistillationResources {
    /// The pairs and latents that losses need, or a reward is learned from, as a teacher draws them in 25 steps; nothing is drawn that
    /// none of them needs.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - needs: of the losses.
    ///   - prompts: the training set's, used in turn.
    ///   - count: how many pictures.
    ///   - guidanceScale: the teacher's.
    ///   - seed: of the first picture; the next have the seeds after it.
    ///   - embeddings: where the prompts' embeddings, and the empty prompt's, are taken from; nil to load the text encoder
    ///     for them.
    ///
    /// Throws `ModelError` for a one-step student or an argument out of range.
    public init(
        generatedBy teacher: TextToImageModel, for needs: LossNeeds, prompts: [String], count: Int,
        guidanceScale: Double = 4.5, seed: UInt64 = 0, embeddings: PromptEmbeddings? = nil
    ) throws {
        self.init()
        guard !needs.isDisjoint(with: [.pairs, .realLatents, .reward]) else { return }
        self.init(
            try TeacherPairs(
                generatedBy: teacher, prompts: prompts, count: count, steps: 25, guidanceScale: guidanceScale,
                seed: seed,
                embeddings: embeddings))
    }

    /// A teacher's pairs, whose pictures also stand in place of real ones.
    public init(_ pairs: TeacherPairs) {
        self.init()
        (self.pairs, realLatents) = (pairs, RealLatents(latents: pairs.pictures, prompts: pairs.prompts))
    }
}
