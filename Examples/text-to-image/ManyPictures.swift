import ArgumentParser
import DiffusionModels
import Foundation

/// How a folder of pictures is drawn.
struct ManyPictures: ParsableArguments {
    @Option(
        help:
            "A text file with a prompt a line: draw --count pictures of each into the folder --output. What is there is kept."
    )
    var prompts: URL?
    @Option(help: "Pictures at a time, with --prompts. Default: 8.") var batch: Int?

    func validate() throws {
        if batch != nil, prompts == nil { throw ValidationError("--batch needs --prompts") }
        if let batch, batch < 1 { throw ValidationError("--batch: expected at least 1, found \(batch)") }
    }
}

extension TextToImage {
    /// Draws a folder, or what of it is missing.
    func drawFolder(of prompts: [String], in folder: URL) throws {
        let url = models.url(isMultiStep: sampling.steps != nil)
        report("loading \(url.path)")
        var model = try models.load(url)
        sampling.setSpacing(of: &model)
        for prompt in prompts {
            if let warning = model.truncationWarning(for: prompt) { report(warning) }
        }
        var generation = try PictureGeneration(
            of: prompts, picturesPerPrompt: count, by: model, sampling.sampling, seed: seed,
            size: starting.size(for: model),
            record: models.record(url), in: folder, batchSize: many.batch ?? 8)
        let (start, missing) = (ContinuousClock.now, generation.missingCount)
        while let left = try generation.next() {
            let time = (ContinuousClock.now - start) / (missing - left) * left
            let progress = "\(generation.count - left) of \(generation.count) pictures"
            show("\r\(progress), \(time.formatted(.time(pattern: .hourMinuteSecond))) left ")
        }
        if missing > 0 { report("") }
        let time = generation.time.perPicture.map { time in
            String(format: ", each network %.4f s, whole %.4f s", time.network, time.whole)
        }
        print("\(folder.relativePath): \(generation.count) pictures\(time ?? "")")
    }
}
