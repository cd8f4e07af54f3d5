import DiffusionModels
import Tensor

extension TeacherPairs {
    /// Generates pairs with a teacher by DDIM, or Euler's method in flow matching, as used by DMD and ODE regression. The sampler that the
    /// teacher's files name is ignored, since pairs need one that adds no noise.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - prompts: the training prompts, used cyclically.
    ///   - count: the number of pairs.
    ///   - steps: the number of sampling steps.
    ///   - guidanceScale: the teacher's guidance scale; no guidance at 1 and below.
    ///   - seed: the seed of the first pair; the others have the seeds after it.
    ///
    /// Throws `ModelError` for a one-step student or an argument out of range, and ``DistillationError`` for no prompts or images.
    public init(
        generatedBy teacher: TextToImageModel, prompts: [String], count: Int, steps: Int, guidanceScale: Double,
        seed: UInt64
    ) throws {
        guard !prompts.isEmpty else {
            throw DistillationError.invalidSetting(name: "prompts", expected: "at least one", found: "none")
        }
        guard count >= 1 else {
            throw DistillationError.invalidSetting(
                name: "count", expected: "at least 1 teacher's image", found: "\(count)")
        }
        let teacher = try teacher.keepingEmbeddings(of: prompts + [""])
        let settings = SamplingSettings(
            steps: steps, guidanceScale: guidanceScale, sampler: try teacher.deterministicSampler())
        let chunk = 16
        var (noise, pictures): ([Tensor], [Tensor]) = ([], [])
        for start in stride(from: 0, to: count, by: chunk) {
            let indices = start..<min(start + chunk, count)
            let first = seed &+ UInt64(start)
            noise.append(try teacher.startingLatents(count: indices.count, seed: first).latents)
            var sampler = try teacher.samples(
                for: indices.map { prompts[$0 % prompts.count] }, settings, seed: first)
            if let last = try sampler.last() { pictures.append(last.latents) }
        }
        // Equal lines are one prompt, as in pairs that are read from a file.
        let places = Dictionary(prompts.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        try self.init(
            noise: .concatenate(noise, axis: 0), pictures: .concatenate(pictures, axis: 0),
            prompts: (0..<count).map { places[prompts[$0 % prompts.count]] ?? $0 % prompts.count })
    }
}

extension DistillationResources {
    /// Generates the pairs and latents that losses need or that a reward is trained on, in 25 steps of the teacher. Nothing is
    /// generated if none of them is needed.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - needs: the needs of the losses.
    ///   - prompts: the training prompts, used cyclically.
    ///   - count: the number of images.
    ///   - guidanceScale: the teacher's guidance scale.
    ///   - seed: the seed of the first image; the others have the seeds after it.
    ///
    /// Throws `ModelError` for a one-step student or an argument out of range, and ``DistillationError`` for no prompts or images.
    public init(
        generatedBy teacher: TextToImageModel, for needs: LossNeeds, prompts: [String], count: Int,
        guidanceScale: Double = 4.5, seed: UInt64 = 0
    ) throws {
        self.init()
        guard !needs.isDisjoint(with: [.pairs, .realLatents, .reward]) else { return }
        try self.init(
            TeacherPairs(
                generatedBy: teacher, prompts: prompts, count: count, steps: 25, guidanceScale: guidanceScale,
                seed: seed))
    }

    /// A teacher's pairs, whose images also serve as real ones.
    public init(_ pairs: TeacherPairs) throws {
        self.init()
        (self.pairs, realLatents) = (pairs, try RealLatents(latents: pairs.pictures, prompts: pairs.prompts))
    }
}
