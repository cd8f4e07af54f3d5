import DiffusionModels
import SwiftBrushRuntime
import Tensor

/// Images that a multi-step model has generated of prompts, by which a training keeps what it makes of them.
struct PriorImages: Sendable {
    /// The prompt of each image.
    let prompts: [String]
    /// Their latents, `[images, height, width, channels]`.
    let latents: Tensor

    /// The prompts of `count` images: in turn, or evenly spread if there are fewer images than prompts.
    static func prompts(_ count: Int, of prompts: [String]) -> [String] {
        prompts.isEmpty
            ? [] : (0..<count).map { prompts[count < prompts.count ? $0 * prompts.count / count : $0 % prompts.count] }
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
    ///   - group: the processes that share the images.
    ///   - progress: called with the number of this process's images that are done, and of all of them.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:)`.
    init(
        of model: TextToImageModel, prompts: [String], settings: AdapterTrainingSettings, in group: any ProcessGroup,
        progress: (Int, Int) -> Void
    ) throws {
        let sampling = SamplingSettings(steps: settings.priorSteps, guidanceScale: settings.priorGuidanceScale)
        let own = group.rank * prompts.count / group.count..<(group.rank + 1) * prompts.count / group.count
        let size = model.latentSize
        var parts = [Tensor.zeros([0, size.height, size.width, model.network.latentChannels])]
        _ = try group.results {
            for start in stride(from: own.lowerBound, to: own.upperBound, by: Self.atOnce) {
                let some = Array(prompts[start..<min(start + Self.atOnce, own.upperBound)])
                var samples = try model.samples(for: some, sampling, seed: settings.seed &+ UInt64(start))
                if let last = try samples.last() { parts.append(last.latents) }
                progress(start + some.count - own.lowerBound, own.count)
            }
            return true
        }
        self.init(prompts: prompts, latents: try group.gatherRows(.concatenate(parts, axis: 0)))
    }

    /// Images that are sampled in one batch.
    private static let atOnce = 8
}
