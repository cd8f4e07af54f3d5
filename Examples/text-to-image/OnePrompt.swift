import DiffusionModels
import Foundation
import Tensor

extension TextToImage {
    /// Generates --count images of a prompt and writes them to one file.
    func generate(_ prompt: String, to output: URL) throws {
        let url = models.url(isMultiStep: sampling.steps != nil)
        let saved = try embeddings.map(PromptEmbeddings.init(contentsOf:))
        try starting.check()
        var (model, loaded) = try models.load(url, isMultiStep: sampling.steps != nil)
        let sampling = try self.sampling.sampling(of: model, loaded: loaded)
        let texts = [prompt] + [self.sampling.negativePrompt, interpolation.toPrompt].compactMap { $0 }
        for text in texts {
            if let warning = model.textEncoder.truncationWarning(for: text) { StandardError.write(line: warning) }
        }
        var (text, network, decoder) = (0.0, 0.0, 0.0)
        model = try timed(&text) {
            if let saved { _ = try saved.rows(of: texts) }
            let known = try saved.map { try model.keeping($0) } ?? model.keepingEmbeddings(of: texts + [""])
            return try self.sampling.guided(known, sampling)
        }
        if let saveEmbeddings { try model.keptEmbeddings?.save(to: saveEmbeddings) }
        let start = try starting.start(for: model)
        let sampled = try timed(&network) { try latents(prompt, by: model, sampling, start, beside: output) }
        if let saveLatents { try LatentsFile.write(sampled, to: saveLatents) }
        let pictures = try timed(&decoder) { try model.pictures(from: sampled) }
        let picture = try interpolation.isGiven ? Picture.grid(pictures, columns: count) : .grid(pictures)
        var record = sampling.record.merging(starting.record) { $1 }
        let options = [recorded(url), interpolation.record, self.sampling.guidanceRecord(sampling)]
        for more in options + [model.textEncoder.record] { record.merge(more) { $1 } }
        record.merge(
            ["prompt": prompt, "seed": "\(seed)", "Software": "SwiftBrush \(SwiftBrush.version)"]
        ) { $1 }
        try PNG.write(picture, text: record, to: output)
        let seconds = String(format: "text %.3f s, network %.3f s, decoder %.3f s", text, network, decoder)
        print("\(output.relativePath): \(seconds)")
    }

    private func latents(
        _ prompt: String, by model: TextToImageModel, _ sampling: PictureSampling, _ start: SamplingStart,
        beside output: URL
    ) throws -> Tensor {
        let prompts = Array(repeating: prompt, count: count)
        guard case .steps(let settings) = sampling, !interpolation.isGiven else {
            let steps = if case .studentSteps(let count) = sampling { count } else { 1 }
            guard interpolation.isGiven else {
                return try model.latents(for: prompts, seed: seed, steps: steps, start: start)
            }
            return try model.latents(
                from: (prompt, seed), to: (interpolation.toPrompt ?? prompt, interpolation.toSeed?.value ?? seed),
                count: count, size: starting.size(for: model))
        }
        var sampler = try model.samples(for: prompts, settings, seed: seed, start: start)
        sampler.warnings.forEach { StandardError.write(line: "warning: \($0)") }
        let progress = ProgressLine()
        var latents = Tensor(0)
        while let step = try sampler.next() {
            let number = step.index + 1
            progress.show(Double(number) / Double(step.total), "step \(number) of \(step.total)")
            if let preview = self.sampling.preview(of: step, beside: output) {
                try PNG.write(Picture.grid(model.pictures(from: step.predictedOriginal)), to: preview)
            }
            latents = step.latents
        }
        return latents
    }
}
