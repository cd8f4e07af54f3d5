import DiffusionModels
import Foundation
import SwiftBrushRuntime

extension RunDirectory {
    /// The folder in which an ``AdapterTrainer``'s adapters are saved as a LoRA.
    public var adapters: URL { url.appending(path: "lora") }

    /// Saves a sample grid of eight columns: the pictures, then for each of up to eight prompts the image of the model, and below it the image with
    /// the adapters, from the same noise.
    ///
    /// - Parameters:
    ///   - trainer: the training.
    ///   - model: the model that the training was made from.
    ///   - pictures: the training's pictures, of which the first eight are shown.
    ///   - prompts: at least one prompt.
    ///
    /// Throws as `TextToImageModel.samples(for:_:seed:start:)`, and what the file system throws.
    public func saveSheet(
        of trainer: AdapterTrainer, beside model: TextToImageModel, pictures: CaptionedPictures, prompts: [String]
    ) throws {
        let prompts = Array(prompts.prefix(8))
        let images = try [model, trainer.adaptedModel()].flatMap { model -> [Picture] in
            let images = try model.images(of: prompts, trainer.settings)
            return images + Array(repeating: try .blank(like: images[0]), count: 8 - images.count)
        }
        let shown = pictures.pictures.prefix(8)
        let above = shown + Array(repeating: try .blank(like: images[0]), count: 8 - shown.count)
        try PNG.write(
            .grid(above + images, columns: 8), text: ["prompts": prompts.joined(separator: "\n")],
            to: sheet(step: trainer.stepCount))
    }
}

extension TextToImageModel {
    /// The images of prompts from the seeds 0, 1, …: a student's in one step, a multi-step model's with the steps and guidance of the prior's images.
    fileprivate func images(of prompts: [String], _ training: AdapterTrainingSettings) throws -> [Picture] {
        if oneStep != nil { return try pictures(for: prompts, seed: 0) }
        let settings = SamplingSettings(
            steps: training.priorSteps, guidanceScale: training.priorGuidanceScale, sampler: try deterministicSampler())
        var samples = try samples(for: prompts, settings, seed: 0)
        return try samples.last().map { try pictures(from: $0.latents) } ?? []
    }
}
