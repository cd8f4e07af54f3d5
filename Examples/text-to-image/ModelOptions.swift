import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands
import Tensor

/// The options that select the model.
struct ModelOptions: ParsableArguments {
    @Option(
        help:
            "A diffusers folder or a safetensors file. Default: the student in Examples/Models; with --steps, the teacher."
    )
    var model: URL?
    @Option(help: "The folder of a tokenizer, which single files do not contain.") var tokenizer: URL?
    @Option(help: "The network's prediction type. Default: that of the model's files.")
    var predictionType: PredictionType?
    @Option(
        help:
            "Another autoencoder, a folder or a safetensors file: an AutoencoderKL, or a small decoder (TAESD)."
    )
    var vae: URL?
    @Option(help: "A LoRA file or folder to merge into the model, as FILE or FILE:WEIGHT; may be given more than once.")
    var lora: [WeightedAdapter] = []
    @OptionGroup(title: "Prompt encoding") var prompts: PromptOptions
    @Flag(help: "Generate in one step with a multi-step model's own network: the initial student of a distillation.")
    var untrainedStudent = false
    @Option(
        help: "GiB of memory for packed copies of weights, useful for many images. Default: 0.")
    var packedWeights: Double?
    @Option(
        help: """
            The type in which weights are kept: that in which they are stored, float32, or int8: 8-bit integers for linear layers and \
            convolutions, a quarter of Float32's memory.
            """)
    var weights = WeightType.stored
    @Flag(help: "Use direct convolution instead of Winograd's algorithm, which is faster but less exact.")
    var exactConvolution = false

    func validate() throws {
        try check("--packed-weights", packedWeights, in: 0...1_000_000)
        if weights == .int8, !lora.isEmpty {
            throw ValidationError("--lora needs weights that can be changed: expected no --weights int8")
        }
        for adapter in lora where !adapter.weight.isFinite {
            throw ValidationError("--lora: expected a finite weight, found \(adapter)")
        }
    }

    /// The model's folder or file.
    func url(isMultiStep: Bool) -> URL {
        model ?? ExampleModels.url(isMultiStep || untrainedStudent ? "emoji-teacher" : "emoji-student")
    }

    /// Loads the model. Without --steps, how it is sampled is that of a one-step student, or of a published student that its files or a LoRA look
    /// like.
    func load(_ url: URL, isMultiStep: Bool) throws -> (model: TextToImageModel, sampling: PictureSampling?) {
        var files = try ModelFiles(
            contentsOf: url, tokenizer: tokenizer, autoencoder: vae, predictionType: predictionType, weights: weights)
        // The smaller files are read first, so that an invalid one is found before the model is loaded.
        let adapters = try lora.map { (weights: try LowRankWeights(contentsOf: $0.file), weight: $0.weight) }
        let oneStep = files.oneStep ?? adapters.lazy.compactMap(\.weights.oneStep).first
        var recognized: RecognizedStudent?
        if oneStep == nil, !isMultiStep, !untrainedStudent {
            recognized = ([url] + lora.map(\.file)).lazy.compactMap { RecognizedStudent(at: $0) }.first
            if recognized == nil { throw ModelError.notOneStepModel(path: url.path) }
        }
        if let oneStep, oneStep.laterSteps.isEmpty, isMultiStep {
            if files.oneStep == nil {
                throw ValidationError(
                    "--steps: a LoRA of --lora makes the model a one-step student: expected no --steps")
            }
            throw ModelError.notMultiStepModel(path: url.path)
        }
        files.progress = Self.showProgress()
        var model = try TextToImageModel(files, textEncoder: prompts.encoder(of: files))
        for adapter in adapters { try adapter.weights.merge(into: &model, weight: adapter.weight) }
        if let recognized {
            StandardError.write(line: "\(url.lastPathComponent) \(recognized)")
            return try model.sampled(as: recognized.student)
        }
        if untrainedStudent { model = try model.untrainedStudent() }
        return (model, isMultiStep ? nil : .oneStep)
    }

    /// Shows progress on standard error for networks of 64 MiB and more.
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

    /// The options as recorded in image files.
    func record(_ url: URL) -> [String: String] {
        var record = ["model": url.lastPathComponent]
        record["vae"] = vae?.lastPathComponent
        record["weights"] = weights == .stored ? nil : weights.rawValue
        record["lora"] = lora.isEmpty ? nil : lora.map(\.description).joined(separator: "\n")
        record["untrained student"] = untrainedStudent ? "yes" : nil
        return record
    }
}
