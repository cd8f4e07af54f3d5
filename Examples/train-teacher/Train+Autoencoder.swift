import DiffusionModels
import Foundation
import SwiftBrushRuntime
import SwiftBrushTeachers

extension Train {
    /// Trains an autoencoder in its own run inside the run's folder, or resumes that run.
    func trainAutoencoder(
        on pictures: CaptionedPictures, parts: Int, in run: RunDirectory, _ group: any ProcessGroup
    ) throws -> AutoencoderKL {
        var settings = AutoencoderTrainingConfiguration()
        (settings.iterations, settings.seed) = (autoencoderIterations, seeds.value)
        settings.accumulatedParts = min(parts, settings.batchSize)
        settings.gradientType = processes.gradients
        let trainer = try AutoencoderTrainer(pictures: pictures, configuration: settings)
        let run = try RunDirectory(run.autoencoder, resuming: starting.resume, in: group)
        (trainer.group, trainer.shardsOptimizer) = (group, processes.shardOptimizer)
        try run.begin(trainer)
        let progress = ProgressBar(
            total: settings.iterations, done: trainer.stepCount, picturesPerStep: settings.batchSize,
            processes: group.count)
        try run.train(
            trainer, iterations: settings.iterations, checkpointEvery: saveEvery, sheetEvery: sheetEvery,
            progress: { step in
                let numbers = String(format: "autoencoder %.4f  %.1f dB", step.loss, step.peakSignalToNoise)
                progress.show(step: step.step, peakBytes: step.peakBytes, numbers)
            },
            saveSheet: { try run.saveSheet(of: trainer.averaged, step: trainer.stepCount, pictures: pictures) })
        return try trainer.trained()
    }
}
