import ArgumentParser
import DiffusionModels
import Foundation
import Synchronization

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
        if let threads, threads < 1 { throw ValidationError("--threads: expected at least 1, found \(threads)") }
        if let packedWeights, !(0...1_000_000).contains(packedWeights) {
            throw ValidationError("--packed-weights: expected GiB from 0 on, found \(packedWeights)")
        }
    }

    /// The model's folder or file.
    func url(isMultiStep: Bool) -> URL {
        let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models")
        return model ?? models.appending(path: isMultiStep || untrainedStudent ? "emoji-teacher" : "emoji-student")
    }

    func load(_ url: URL) throws -> TextToImageModel {
        var checkpoint = try ModelCheckpoint(
            contentsOf: url, tokenizer: tokenizer, autoencoder: vae, predictionType: predictionType)
        checkpoint.progress = Self.showProgress()
        var model = try TextToImageModel(checkpoint)
        for adapter in lora {
            try LowRankWeights(contentsOf: adapter.file).merge(into: &model, weight: adapter.weight)
        }
        try prompts.apply(to: &model)
        return untrainedStudent ? try model.untrainedStudent() : model
    }

    /// A line on standard error for each network, drawn again at each tenth.
    private static func showProgress() -> @Sendable (LoadingProgress) -> Void {
        let shown = Mutex("")
        return { progress in
            let percent = Int(10 * progress.fraction) * 10
            let line = "\(progress.network), \(progress.totalBytes >> 20) MiB: \(percent) %"
            guard shown.withLock({ exchange(&$0, with: line) != line }) else { return }
            FileHandle.standardError.write(Data("\r\(line)\(percent == 100 ? "\n" : "")".utf8))
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
