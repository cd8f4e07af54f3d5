import DiffusionModels
import Tensor

extension TeacherPairs {
    /// Noise with the pictures that a teacher makes of it by DDIM, as DMD and ODE regression are given.
    ///
    /// - Parameters:
    ///   - teacher: a multi-step model.
    ///   - prompts: the training set's, used in turn.
    ///   - count: how many pairs.
    ///   - steps: the sampler's.
    ///   - guidanceScale: the teacher's.
    ///   - seed: of the first pair; the next have the seeds after it.
    ///
    /// Throws `ModelError` for a one-step student or an argument out of range.
    public init(
        drawnBy teacher: TextToImageModel, prompts: [String], count: Int, steps: Int, guidanceScale: Double,
        seed: UInt64
    ) throws {
        let chunk = 16
        var (noise, pictures): ([Tensor], [Tensor]) = ([], [])
        for start in stride(from: 0, to: count, by: chunk) {
            let indices = start..<min(start + chunk, count)
            let first = seed &+ UInt64(start)
            noise.append(teacher.startingLatents(count: indices.count, seed: first).latents)
            let sampler = try teacher.samples(
                for: indices.map { prompts[$0 % prompts.count] }, steps: steps, guidanceScale: guidanceScale,
                seed: first)
            if let last = sampler.reduce(nil, { $1 as DenoisingStep? }) { pictures.append(last.latents) }
        }
        self.init(
            noise: .concatenate(noise, axis: 0), pictures: .concatenate(pictures, axis: 0),
            prompts: (0..<count).map { $0 % prompts.count })
    }
}

extension RealLatents {
    /// A teacher's pictures in place of real ones, for losses that need data where there is none.
    public init(_ pairs: TeacherPairs) { self.init(latents: pairs.pictures, prompts: pairs.prompts) }
}
