import ArgumentParser
import DiffusionModels
import Foundation
import SwiftBrushCommands

/// The options for generating a folder of images.
struct ManyPictures: ParsableArguments {
    @Option(
        help:
            "A text file with one prompt per line: write --count images of each to the folder --output; existing ones are kept."
    )
    var prompts: URL?
    @Option(help: "Images per batch, with --prompts. Default: 8.") var batch: Int?

    func validate() throws {
        if batch != nil, prompts == nil { throw ValidationError("--batch needs --prompts") }
        try check("--batch", batch, in: 1...4096)
    }
}

extension TextToImage {
    /// Generates the images of a folder, or those that are missing.
    func generateFolder(of prompts: [String], in folder: URL) throws {
        let url = models.url(isMultiStep: sampling.steps != nil)
        let (model, loaded) = try models.load(url, isMultiStep: sampling.steps != nil)
        for prompt in prompts {
            if let warning = model.textEncoder.truncationWarning(for: prompt) { StandardError.write(line: warning) }
        }
        let chosen = try sampling.sampling(of: model, loaded: loaded)
        var generation = try PictureGeneration(
            of: prompts, picturesPerPrompt: count, by: sampling.guided(model, chosen), chosen, seed: seed,
            size: starting.size(for: model), record: recorded(url).merging(sampling.guidanceRecord(chosen)) { $1 },
            in: folder, batchSize: many.batch ?? 8)
        generation.warnings.forEach { StandardError.write(line: "warning: \($0)") }
        let signals = StopSignals()
        let (start, missing, progress) = (ContinuousClock.now, generation.missingCount, ProgressLine())
        while let left = try generation.next() {
            let time = (ContinuousClock.now - start) / (missing - left) * left
            let done = generation.count - left
            if left > 0, let signal = signals.received {
                progress.finish()
                throw StoppedBySignal(
                    signal, work: "\(folder.relativePath): \(done) of \(generation.count) images done")
            }
            progress.show(
                Double(done) / Double(generation.count),
                "\(done) of \(generation.count) images, \(time.formatted(.time(pattern: .hourMinuteSecond))) left")
        }
        progress.finish()
        let time = generation.time.perPicture.map { time in
            String(format: ", each network %.4f s, whole %.4f s", time.network, time.whole)
        }
        print("\(folder.relativePath): \(generation.count) pictures\(time ?? "")")
    }
}
