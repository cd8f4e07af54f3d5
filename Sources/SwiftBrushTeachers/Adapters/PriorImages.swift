import DiffusionModels
import Tensor

/// Images that a multi-step model has generated of prompts, by which a training keeps what it makes of them.
struct PriorImages: Sendable {
    /// The prompt of each image.
    let prompts: [String]
    /// Their latents, `[images, height, width, channels]`.
    let latents: Tensor

    /// The prompts of `count` images: in turn, or evenly spread if there are fewer images than prompts.
    static func prompts(_ count: Int, of prompts: [String]) -> [String] {
        (0..<count).map { prompts[count < prompts.count ? $0 * prompts.count / count : $0 % prompts.count] }
    }

    /// Images whose latents are known.
    init(prompts: [String], latents: Tensor) {
        (self.prompts, self.latents) = (prompts, latents)
    }

    /// Generates images of prompts, with the model's own sampler.
    ///
    /// - Parameters:
    ///   - model: a multi-step model.
    ///   - prompts: the prompt of each image.
    ///   - settings: the training's settings: sampling steps, guidance and seed.
    ///   - progress: called with the number of images that are done.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:embeddings:)`.
    init(
        of model: TextToImageModel, prompts: [String], settings: AdapterTrainingSettings, progress: (Int) -> Void
    ) throws {
        let sampling = SamplingSettings(
            steps: settings.priorSteps, guidanceScale: settings.priorGuidanceScale, sampler: try model.sampler())
        let atOnce = 8
        var parts: [Tensor] = []
        for start in stride(from: 0, to: prompts.count, by: atOnce) {
            let some = Array(prompts[start..<min(start + atOnce, prompts.count)])
            var samples = try model.samples(for: some, sampling, seed: settings.seed &+ UInt64(start))
            if let last = try samples.last() { parts.append(last.latents) }
            progress(start + some.count)
        }
        self.init(prompts: prompts, latents: .concatenate(parts, axis: 0))
    }
}
