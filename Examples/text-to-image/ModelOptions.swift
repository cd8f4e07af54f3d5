import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import Tensor

/// What draws.
struct ModelOptions: ParsableArguments {
    @Option(
        help:
            "A diffusers folder or a safetensors file. Default: the student in Examples/Models, with --steps the teacher."
    )
    var model: URL?
    @Option(help: "The folder of a tokenizer, which a single file lacks.") var tokenizer: URL?
    @Option(help: "What the network predicts: epsilon, v_prediction or sample. Default: what the model's files say.")
    var predictionType: PredictionType?
    @Option(
        help:
            "Another autoencoder, a folder or a safetensors file: an AutoencoderKL, or a small one (TAESD) that decodes."
    )
    var vae: URL?
    @Option(help: "A LoRA file or folder to merge into the model, as FILE or FILE:WEIGHT; may be given more than once.")
    var lora: [WeightedAdapter] = []
    @OptionGroup(title: "How prompts are read") var prompts: PromptOptions
    @Flag(help: "Draw in one step with a multi-step model's own network: the student that a distillation begins with.")
    var untrainedStudent = false
    @Option(help: "Processor threads. Default: one a core.") var threads: Int?
    @Option(
        help: "GiB of memory for weights in the order in which products read them, for many pictures. Default: 0.")
    var packedWeights: Double?
    @Flag(help: "Convolve by the definition instead of Winograd's transform, which is faster and rounds more.")
    var exactConvolution = false

    func validate() throws {
        try check("--threads", threads, in: ThreadPool.threadCounts)
        try check("--packed-weights", packedWeights, in: 0...1_000_000)
        for adapter in lora where !adapter.weight.isFinite {
            throw ValidationError("--lora: expected a finite weight, found \(adapter)")
        }
    }

    /// The model's folder or file.
    func url(isMultiStep: Bool) -> URL {
        let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models")
        return model ?? models.appending(path: isMultiStep || untrainedStudent ? "emoji-teacher" : "emoji-student")
    }

    func load(_ url: URL, isMultiStep: Bool) throws -> TextToImageModel {
        var checkpoint = try ModelFiles(
            contentsOf: url, tokenizer: tokenizer, autoencoder: vae, predictionType: predictionType)
        if checkpoint.oneStep == nil, !isMultiStep, !untrainedStudent {
            throw ModelError.notOneStepModel(path: url.path)
        }
        if checkpoint.oneStep != nil, isMultiStep { throw ModelError.notMultiStepModel(path: url.path) }
        checkpoint.progress = Self.showProgress()
        // The smaller files first: a wrong one is found before the model is loaded.
        let adapters = try lora.map { (weights: try LowRankWeights(contentsOf: $0.file), weight: $0.weight) }
        var model = try TextToImageModel(checkpoint)
        for adapter in adapters { try adapter.weights.merge(into: &model, weight: adapter.weight) }
        try prompts.apply(to: &model)
        return untrainedStudent ? try model.untrainedStudent() : model
    }

    /// A line on standard error for networks of 64 MiB and more.
    private static func showProgress() -> @Sendable (LoadingProgress) -> Void {
        let line = ProgressLine()
        return { progress in
            guard progress.totalBytes >= 64 << 20 else { return }
            let percent = Int(100 * progress.fraction)
            line.show(
                progress.fraction, "loading \(progress.network), \(progress.totalBytes >> 20) MiB: \(percent) %")
            if progress.loadedBytes == progress.totalBytes { line.finish() }
        }
    }

    /// The options as a picture's file records them.
    func record(_ url: URL) -> [String: String] {
        var record = ["model": url.lastPathComponent]
        record["vae"] = vae?.lastPathComponent
        record["lora"] = lora.isEmpty ? nil : lora.map(\.description).joined(separator: "\n")
        record["untrained student"] = untrainedStudent ? "yes" : nil
        return record
    }
}
